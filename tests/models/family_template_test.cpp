// A checkpoint without a chat template is asked with its family's, and says so.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/files.h"
#include "models/loaded_model.h"
#include "support/temporary_folder.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

namespace fs = std::filesystem;

constexpr WallTime kNow{};

/// A tiny LLaVA with the demo's tokenizer.
LoadedModel load(const test::TemporaryFolder& folder,
                 const std::string& source,
                 const std::string& chat_template) {
  for (const auto& entry : fs::directory_iterator(testing::tiny(source))) {
    fs::copy_file(entry.path(), folder / entry.path().filename());
  }
  fs::copy_file(fs::path(HEADROOM_SOURCE_DIR) / "assets/demo/model/tokenizer.json",
                folder / "tokenizer.json");
  std::ofstream(folder / "preprocessor_config.json")
      << R"({"size": {"shortest_edge": 28}, "crop_size": 28,
             "image_grid_pinpoints": [[28, 56], [56, 28], [56, 56], [84, 28], [28, 84]]})";
  if (!chat_template.empty()) {
    std::ofstream(folder / "chat_template.jinja") << chat_template;
  }
  return LoadedModel::load(folder.path(), mx::float32, kNow);
}

Conversation conversation() {
  return {{"system", {Part::of_text("Be brief.")}},
          {"user", {Part::of_text("What is it?"), Part::of_image(0)}},
          {"assistant", {Part::of_text("A cat.")}},
          {"user", {Part::of_text("Sure?")}}};
}

bool says_so(const LoadedModel& model) {
  return std::any_of(model.notices.begin(), model.notices.end(), [](const std::string& notice) {
    return notice.find("holds no chat template; that of family") != std::string::npos;
  });
}

TEST(FamilyTemplate, LlavaWritesVicunasTurnsPicturesFirst) {
  test::TemporaryFolder folder;
  const LoadedModel model = load(folder, "llava", "");
  EXPECT_TRUE(says_so(model));
  EXPECT_EQ(model.asking().chat_template.render(conversation(), {}),
            "Be brief. USER: <image>\nWhat is it? ASSISTANT: A cat. USER: Sure? ASSISTANT:");
}

TEST(FamilyTemplate, LlavaNextOnMistralWritesItsInstructions) {
  test::TemporaryFolder folder;
  const LoadedModel model = load(folder, "llava_next", "");
  EXPECT_TRUE(says_so(model));
  EXPECT_EQ(model.asking().chat_template.render(conversation(), {}),
            "<<SYS>>\nBe brief.\n<</SYS>>\n\n[INST] <image>\nWhat is it? [/INST] A cat.</s> "
            "[INST] Sure? [/INST]");
}

TEST(FamilyTemplate, TheCheckpointsOwnIsTakenWhereThereIsOne) {
  test::TemporaryFolder folder;
  const LoadedModel model = load(folder, "llava", "OWN");
  EXPECT_FALSE(says_so(model));
  EXPECT_EQ(model.asking().chat_template.render(conversation(), {}), "OWN");
}

}  // namespace
}  // namespace headroom::models
