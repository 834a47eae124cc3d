// Conversations as PaliGemma and Gemma 3 read them.
#include <gtest/gtest.h>

#include <fstream>

#include "base/errors.h"
#include "models/loaded_model.h"
#include "models/prompt.h"
#include "support/temporary_folder.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

namespace fs = std::filesystem;

/// A tiny model with the demo's tokenizer, whose special tokens are the family's.
class GemmaPrompt : public ::testing::Test {
 protected:
  void load(const std::string& name, std::uint32_t side, const Json& more = Json::object()) {
    for (const char* file : {"config.json", "generation_config.json", "model.safetensors"}) {
      fs::copy_file(testing::tiny(name) / file, folder_ / file);
    }
    fs::copy_file(HEADROOM_SOURCE_DIR "/assets/demo/model/tokenizer.json",
                  folder_ / "tokenizer.json");
    Json settings = more;
    settings["size"] = Json{{"height", side}, {"width", side}};
    write("preprocessor_config.json", settings);
    write("tokenizer_config.json", Json::parse(R"({"bos_token": "<bos>", "eos_token": "<|im_end|>",
                          "boi_token": "<start_of_image>", "image_token": "<image_soft_token>",
                          "eoi_token": "<end_of_image>",
                          "additional_special_tokens": ["<image>", "<start_of_turn>",
                            "<end_of_turn>", "<start_of_image>", "<image_soft_token>",
                            "<end_of_image>"]})"));
  }

  void write_text(const char* name, const std::string& content) {
    std::ofstream(folder_ / name) << content;
  }

  void write(const char* name, const Json& content) { write_text(name, dump_json(content)); }

  const LoadedModel& model() {
    if (!model_) {
      model_ = LoadedModel::load(folder_.path(), mx::float32, WallTime());
    }
    return *model_;
  }

  /// With as many pictures of these sides as the conversation names.
  std::string prompt_text(const Conversation& conversation,
                          std::uint32_t width = 8,
                          std::uint32_t height = 8) {
    const auto& asking = model().asking();
    const images::Image image{
        width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3)};
    std::vector<std::unique_ptr<PreparedPicture>> pictures;
    std::vector<const PreparedPicture*> addresses;
    for ([[maybe_unused]] const std::size_t index : pictures_of(conversation)) {
      pictures.push_back(asking.processor->prepare(image, 0));
      addresses.push_back(pictures.back().get());
    }
    text::TemplateVariables variables;
    variables.extra = asking.tokenizer.special_tokens_map();
    const std::string rendered = asking.chat_template.render(conversation, variables);
    return asking.tokenizer.decode(asking.processor->tokens(rendered, addresses, asking.tokenizer),
                                   false);
  }

  static std::string times(int count, const std::string& text) {
    std::string all;
    for (int i = 0; i < count; ++i) {
      all += text;
    }
    return all;
  }

  test::TemporaryFolder folder_;
  std::optional<LoadedModel> model_;
};

Message user(std::vector<Part> parts) { return {"user", std::move(parts)}; }

const Part kPicture = Part::of_image(0);

TEST_F(GemmaPrompt, OfPaliGemmaIsPicturesThenTheFirstTokenThenTheTextAndALineEnd) {
  load("paligemma", 28);
  EXPECT_EQ(prompt_text({user({kPicture, Part::of_text("what is it?")})}),
            times(16, "<image>") + "<bos>what is it?\n");
}

TEST_F(GemmaPrompt, OfPaliGemmaHasAllPicturesFirstAndItsMessagesAsLines) {
  load("paligemma", 28);
  EXPECT_EQ(prompt_text({{"system", {Part::of_text("Be short.")}},
                         user({Part::of_text("left "), kPicture, Part::of_text("right"), kPicture}),
                         {"assistant", {Part::of_text("yes")}},
                         user({Part::of_text("why?")})}),
            times(32, "<image>") + "<bos>Be short.\nleft right\nyes\nwhy?\n");
}

TEST_F(GemmaPrompt, OfPaliGemmaKeepsPicturesWhereAnotherTemplateHasThem) {
  load("paligemma", 28);
  write_text("chat_template.jinja", "one <image> two <image> three");
  EXPECT_EQ(prompt_text({user({kPicture, kPicture})}),
            "one " + times(16, "<image>") + " two " + times(16, "<image>") + "<bos> three\n");
}

TEST_F(GemmaPrompt, OfPaliGemmaIsRecordedAsTheFamilys) {
  load("paligemma", 28);
  std::string all;
  for (const std::string& notice : model().notices) {
    all += notice + "\n";
  }
  EXPECT_NE(all.find("holds no chat template; that of family paligemma is used"), std::string::npos)
      << all;
}

TEST_F(GemmaPrompt, OfPaliGemmaWithAPlaceTooManyIsRefused) {
  load("paligemma", 28);
  EXPECT_THROW(prompt_text({user({kPicture, Part::of_text("an <image> in words")})}), InputError);
}

TEST_F(GemmaPrompt, OfPaliGemmaIsOneBlockThatSharesNothing) {
  load("paligemma", 28);
  EXPECT_TRUE(model().model->needs_picture());
  std::vector<engine::PromptToken> prompt(5);
  model().model->place(prompt, {});
  for (const engine::PromptToken& token : prompt) {
    EXPECT_EQ(token.sees, 5);
  }
  EXPECT_EQ(engine::whole_blocks(prompt, 4), 0U);
  const ModelFolder folder = ModelFolder::open(folder_.path());
  const auto geometry = find_family(folder).plan(folder, mx::float32, {{600, 300}}, 0);
  EXPECT_FALSE(geometry.shares_prefix);
  EXPECT_FALSE(geometry.prefills_in_chunks);
  ASSERT_EQ(geometry.pictures.size(), 1U);
  EXPECT_EQ(geometry.pictures[0].tokens, 16U);
}

TEST_F(GemmaPrompt, TilesOfAnotherSizeOrLengthThanTheTowersAreRefused) {
  load("paligemma", 224);
  EXPECT_THROW(model(), UsageError);
  write("preprocessor_config.json",
        Json::parse(R"({"size": {"height": 28, "width": 28}, "image_seq_length": 256})"));
  try {
    model();
    ADD_FAILURE() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-PROCESSOR");
    EXPECT_NE(std::string(error.what()).find("256"), std::string::npos) << error.what();
  }
}

/// A picture's place in Gemma 3's prompt.
std::string tile(int features = 16) {
  std::string text = "\n\n<start_of_image>";
  for (int i = 0; i < features; ++i) {
    text += "<image_soft_token>";
  }
  return text + "<end_of_image>\n\n";
}

TEST_F(GemmaPrompt, OfGemma3HasItsPicturesWithLineEndsWhereTheyStand) {
  load("gemma3", 56);
  EXPECT_EQ(prompt_text({{"system", {Part::of_text("Be short.")}},
                         user({kPicture, Part::of_text(" what? "), kPicture}),
                         {"assistant", {Part::of_text("yes")}},
                         user({Part::of_text("why?")})}),
            "<bos><start_of_turn>user\nBe short.\n\n" + tile() + "what?" + tile() +
                "<end_of_turn>\n<start_of_turn>model\nyes<end_of_turn>\n"
                "<start_of_turn>user\nwhy?<end_of_turn>\n<start_of_turn>model\n");
}

TEST_F(GemmaPrompt, OfGemma3WithoutAPictureIsPlainText) {
  load("gemma3", 56);
  EXPECT_FALSE(model().model->needs_picture());
  EXPECT_EQ(prompt_text({user({Part::of_text("why?")})}),
            "<bos><start_of_turn>user\nwhy?<end_of_turn>\n<start_of_turn>model\n");
}

TEST_F(GemmaPrompt, OfGemma3TellsOfTheCropsBesideAPicture) {
  load("gemma3", 56, Json::parse(R"({"do_pan_and_scan": true})"));
  EXPECT_EQ(prompt_text({user({kPicture, Part::of_text("what?")})}, 600, 300),
            "<bos><start_of_turn>user\nHere is the original image " + tile() +
                " and here are some crops to help you see better " + tile() + " " + tile() +
                "what?<end_of_turn>\n<start_of_turn>model\n");
}

TEST_F(GemmaPrompt, OfGemma3HasABlockForEachTile) {
  load("gemma3", 56);
  std::vector<engine::PromptToken> prompt(9);
  for (const std::size_t i : {1U, 2U, 3U, 6U, 7U}) {
    prompt[i].feature = static_cast<std::int32_t>(i);
  }
  prompt[8].sees = 7;  // of an earlier placing
  model().model->place(prompt, {});
  std::vector<std::int32_t> sees;
  for (const engine::PromptToken& token : prompt) {
    sees.push_back(token.sees);
  }
  EXPECT_EQ(sees, (std::vector<std::int32_t>{0, 4, 4, 4, 0, 0, 8, 8, 0}));
}

TEST_F(GemmaPrompt, OfGemma3PlansWithTheTilesThatStayInOnePass) {
  load("gemma3", 56);
  const ModelFolder folder = ModelFolder::open(folder_.path());
  const auto geometry = find_family(folder).plan(folder, mx::float32, {{600, 300}}, 0);
  EXPECT_TRUE(geometry.shares_prefix);
  EXPECT_EQ(geometry.block_tokens, 16U);
  ASSERT_EQ(geometry.pictures.size(), 1U);
  EXPECT_EQ(geometry.pictures[0].tiles, 1U);
  EXPECT_GE(geometry.pictures[0].tokens, 20U);
}

}  // namespace
}  // namespace headroom::models
