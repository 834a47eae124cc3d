// InternVL's prompts, in both layouts.
#include <gtest/gtest.h>

#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "models/registry.h"
#include "support/temporary_folder.h"
#include "text/chat_template.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

struct Written {
  explicit Written(const std::string& name) {
    const std::string config = (testing::tiny(name) / "config.json").string();
    if (name == "internvl") {
      std::ofstream(folder.path() / "preprocessor_config.json")
          << R"({"size": {"height": 28, "width": 28}})";
    }
    std::ofstream(folder.path() / "tokenizer_config.json")
        << R"({"added_tokens_decoder": {"17": {"content": "<other>"},
                                        "150": {"content": "<IMG_CONTEXT>"}}})";
    const ModelFolder model{folder.path(), parse_json(read_file(config), config), {}};
    architecture = find_family(model).open(model);
  }

  std::string prompt(const Conversation& conversation) const {
    return text::ChatTemplate::from_source(
               std::string(architecture->chat_template()), "family", WallTime())
        .render_messages(architecture->processor()->messages(conversation), {});
  }

  test::TemporaryFolder folder;
  std::unique_ptr<const Architecture> architecture;
};

Conversation conversation() {
  return {{"user", {Part::of_text("Look: "), Part::of_image(0), Part::of_text("What is it?")}},
          {"assistant", {Part::of_text("A cat.")}},
          {"user", {Part::of_text("Sure?")}}};
}

TEST(InternVlPrompt, IsThatOfItsFamily) {
  const Written written("internvl");
  EXPECT_EQ(written.prompt(conversation()),
            "<|im_start|>user\nLook: <IMG_CONTEXT>\nWhat is it?<|im_end|>\n"
            "<|im_start|>assistant\nA cat.<|im_end|>\n"
            "<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n");
}

TEST(InternVlPrompt, ThePublishedLayoutsBeginsWithItsSystemMessage) {
  const Written written("internvl_chat");
  const std::string prompt = written.prompt(conversation());
  EXPECT_TRUE(prompt.starts_with("<|im_start|>system\n你是书生·万象")) << prompt;
  EXPECT_TRUE(
      prompt.ends_with("<|im_start|>user\nLook: <IMG_CONTEXT>\nWhat is it?<|im_end|>\n"
                       "<|im_start|>assistant\nA cat.<|im_end|>\n"
                       "<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n"))
      << prompt;
  EXPECT_TRUE(
      written.prompt({{"system", {Part::of_text("Be brief.")}}, {"user", {Part::of_text("Hello")}}})
          .starts_with("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello"));
}

TEST(InternVlPrompt, APlaceBecomesItsFeaturesBetweenTwoMarks) {
  for (const std::string name : {"internvl", "internvl_chat"}) {
    const Written written(name);
    const auto processor = written.architecture->processor();
    const images::Image image{28, 28, std::vector<std::uint8_t>(std::size_t{28} * 28 * 3, 90)};
    const auto picture = processor->prepare(image, 0);
    const PreparedPicture* pictures[] = {picture.get()};
    std::string wanted = "a <img>";
    for (std::uint32_t i = 0; i < picture->features; ++i) {
      wanted += "<IMG_CONTEXT>";
    }
    EXPECT_EQ(picture->features, 4 * picture->tiles);
    EXPECT_EQ(processor->expand("a <IMG_CONTEXT> b", pictures), wanted + "</img> b");
    EXPECT_THROW(processor->expand("a <IMG_CONTEXT> b", {}), InputError);
  }
}

TEST(InternVlPrompt, TheImageTokenIsTheOneThatTheTokenizerNames) {
  EXPECT_EQ(Written("internvl_chat").architecture->image_token(), 150);
}

}  // namespace
}  // namespace headroom::models
