// Prompts against the ids of Microsoft's processor.
#include <gtest/gtest.h>

#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "images/decode.h"
#include "models/prompt.h"
#include "models/registry.h"
#include "models/stop_tokens.h"
#include "support/temporary_folder.h"

namespace headroom::models {
namespace {

std::filesystem::path test_data(const std::string& below) {
  return std::filesystem::path(HEADROOM_TEST_DATA) / below;
}

/// The family at its published sizes, without weights.
struct Published {
  Published() {
    std::ofstream(folder.path() / "preprocessor_config.json") << R"({"num_crops": 4})";
    const ModelFolder model{folder.path(),
                            Json::parse(R"({"model_type": "phi3_v", "eos_token_id": 2,
                        "embd_layer": {"use_hd_transform": true, "with_learnable_separator": true,
                                       "hd_transform_order": "sub_glb"}})"),
                            {}};
    architecture = find_family(model).open(model);
  }

  text::ChatTemplate chat_template() const {
    return text::ChatTemplate::from_source(
        std::string(architecture->chat_template()), "family", WallTime());
  }

  test::TemporaryFolder folder;
  std::unique_ptr<const Architecture> architecture;
  text::Tokenizer tokenizer = text::Tokenizer::load(test_data("text/phi3_v"));
};

std::vector<std::int32_t> ids_of(const Json& runs) {
  std::vector<std::int32_t> ids;
  for (const Json& run : runs) {
    if (run.is_array()) {
      const auto part = run.get<std::vector<std::int32_t>>();
      ids.insert(ids.end(), part.begin(), part.end());
    } else {
      ids.insert(ids.end(), run.at("count").get<std::size_t>(), -1);
    }
  }
  return ids;
}

TEST(Phi3VPrompt, HasTheReferencesIds) {
  const Published published;
  const auto processor = published.architecture->processor();
  const auto path = test_data("text/phi3_v/prompts.json");
  const Json table = parse_json(read_file(path), path.string());
  for (const Json& row : table.at("prompts")) {
    SCOPED_TRACE(row.at("text").get<std::string>());
    std::vector<std::unique_ptr<PreparedPicture>> prepared;
    std::vector<const PreparedPicture*> pictures;
    for (const Json& name : row.at("pictures")) {
      const auto file = test_data("processors/images") / name.get<std::string>();
      prepared.push_back(processor->prepare(images::decode_file(file).image, 0));
      pictures.push_back(prepared.back().get());
    }
    EXPECT_EQ(processor->tokens(row.at("text"), pictures, published.tokenizer),
              ids_of(row.at("input_ids")));
  }
}

std::string rendered(const Published& published, const Conversation& conversation) {
  return published.chat_template().render_messages(
      published.architecture->processor()->messages(conversation), {});
}

TEST(Phi3VPrompt, NumbersPicturesThroughTheConversation) {
  const Published published;
  EXPECT_EQ(rendered(published,
                     {{"system", {Part::of_text("Be brief.")}},
                      {"user", {Part::of_image(0), Part::of_text("What is it?")}},
                      {"assistant", {Part::of_text("A cat.")}},
                      {"user", {Part::of_text("And "), Part::of_image(1), Part::of_text("?")}}}),
            "<|system|>\nBe brief.<|end|>\n"
            "<|user|>\n<|image_1|>\nWhat is it?<|end|>\n"
            "<|assistant|>\nA cat.<|end|>\n"
            "<|user|>\nAnd <|image_2|>\n?<|end|>\n"
            "<|assistant|>\n");
}

TEST(Phi3VPrompt, AQuestionThatHoldsAPlacesWordIsRefused) {
  const Published published;
  const std::string prompt =
      rendered(published, {{"user", {Part::of_text("What does <|image_1|> mean?")}}});
  EXPECT_THROW(published.architecture->processor()->tokens(prompt, {}, published.tokenizer),
               InputError);
}

TEST(Phi3VPrompt, TheTurnsEndEndsAnAnswer) {
  const Published published;
  const StopTokens stops = find_stop_tokens(published.folder.path(),
                                            Json::parse(R"({"eos_token_id": 2})"),
                                            published.tokenizer,
                                            published.chat_template(),
                                            *published.architecture->processor());
  EXPECT_EQ(stops.ids, (std::set<std::int32_t>{2, 32000, 32007}));
}

}  // namespace
}  // namespace headroom::models
