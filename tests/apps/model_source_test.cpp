#include "backends/model_source.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/errors.h"
#include "demo_checkpoint.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;
using backends::ModelPlaces;
using backends::ModelSource;
using backends::resolve_model;

constexpr const char* kRevision = "0123456789abcdef0123456789abcdef01234567";

class ModelSourceTest : public ::testing::Test {
 protected:
  /// A cache that holds someone/demo-vlm.
  void fill_cache(const std::string& reference_tail = "",
                  const std::function<void(const DemoCheckpoint&)>& spoil = {}) const {
    const DemoCheckpoint checkpoint(folder_ / "download");
    if (spoil) {
      spoil(checkpoint);
    }
    make_hub_cache(places_.hub, "someone/demo-vlm", kRevision, checkpoint.path(), reference_tail);
  }

  /// The code and the text with which the word is refused.
  std::string refusal(const std::string& word) const {
    try {
      resolve_model(word, places_);
    } catch (const UsageError& error) {
      return error.code() + ": " + error.what();
    }
    return "not refused";
  }

  /// Every name, kind, size and time of change below the cache.
  std::map<std::string, std::string> cache_state() const {
    std::map<std::string, std::string> state;
    for (const auto& entry : fs::recursive_directory_iterator(places_.hub)) {
      std::string text;
      if (entry.is_symlink()) {
        text = fs::read_symlink(entry.path()).string();
      } else {
        text = std::to_string(entry.last_write_time().time_since_epoch().count());
        text += entry.is_regular_file() ? " " + std::to_string(entry.file_size()) : "";
      }
      state[entry.path().string()] = text;
    }
    return state;
  }

  TemporaryFolder folder_;
  ModelPlaces places_{demo_assets() / "model", folder_ / "hub"};
};

TEST_F(ModelSourceTest, DemoIsTheEmbeddedModel) {
  const ModelSource source = resolve_model("demo", places_);
  EXPECT_EQ(source.folder, demo_assets() / "model");
  EXPECT_EQ(source.label, "demo");
}

TEST_F(ModelSourceTest, AnExistingFolderWins) {
  const DemoCheckpoint checkpoint(folder_ / "org" / "name");
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  const ModelSource source = resolve_model("org/name", places_);
  fs::current_path(before);
  EXPECT_EQ(source.folder, "org/name");
  EXPECT_EQ(source.label, "name");
  EXPECT_TRUE(source.revision.empty());
}

TEST_F(ModelSourceTest, ResolvesThroughReferenceAndSnapshot) {
  fill_cache();
  const ModelSource source = resolve_model("someone/demo-vlm", places_);
  EXPECT_EQ(source.revision, kRevision);
  EXPECT_EQ(source.repository, "someone/demo-vlm");
  EXPECT_TRUE(fs::exists(source.folder / "config.json"));
  EXPECT_NE(source.described.find("snapshot 01234567"), std::string::npos) << source.described;
}

TEST_F(ModelSourceTest, AReferenceMayEndWithALineEnd) {
  fill_cache("\n");
  EXPECT_EQ(resolve_model("someone/demo-vlm", places_).revision, kRevision);
}

TEST_F(ModelSourceTest, AFullRevisionNeedsNoReference) {
  fill_cache();
  fs::remove_all(places_.hub / "models--someone--demo-vlm" / "refs");
  EXPECT_EQ(resolve_model(std::string("someone/demo-vlm@") + kRevision, places_).revision,
            kRevision);
  EXPECT_EQ(resolve_model("someone/demo-vlm@0123456", places_).revision, kRevision);
}

TEST_F(ModelSourceTest, WritesNothingIntoTheCache) {
  fill_cache("\n");
  const auto before = cache_state();
  resolve_model("someone/demo-vlm", places_);
  refusal("someone/other");
  EXPECT_EQ(cache_state(), before);
}

TEST_F(ModelSourceTest, NamesALinkWhoseFileIsGoneAndTheFile) {
  fill_cache();
  const fs::path link =
      places_.hub / "models--someone--demo-vlm" / "snapshots" / kRevision / "config.json";
  const fs::path blob = fs::canonical(link);
  fs::remove(blob);
  const std::string text = refusal("someone/demo-vlm");
  EXPECT_NE(text.find("E-MODEL-DANGLING"), std::string::npos) << text;
  EXPECT_NE(text.find("config.json"), std::string::npos) << text;
  EXPECT_NE(text.find(blob.filename().string()), std::string::npos) << text;
}

TEST_F(ModelSourceTest, NamesAGitLfsPointer) {
  fill_cache("", [](const DemoCheckpoint& checkpoint) {
    checkpoint.write("tokenizer.json",
                     "version https://git-lfs.github.com/spec/v1\noid sha256:a3\nsize 30179\n");
  });
  const std::string text = refusal("someone/demo-vlm");
  EXPECT_NE(text.find("E-MODEL-LFS"), std::string::npos) << text;
  EXPECT_NE(text.find("tokenizer.json"), std::string::npos) << text;
  EXPECT_NE(text.find("LFS"), std::string::npos) << text;
}

TEST_F(ModelSourceTest, ListsWhatIsCachedAndTheCommandThatFetchesTheOther) {
  fill_cache();
  const std::string text = refusal("someone/other@v2");
  EXPECT_NE(text.find("E-MODEL-NOT-CACHED"), std::string::npos) << text;
  EXPECT_NE(text.find("cached: someone/demo-vlm;"), std::string::npos) << text;
  EXPECT_NE(text.find("hf download someone/other --revision v2"), std::string::npos) << text;
}

TEST_F(ModelSourceTest, ARevisionCannotLeaveTheCache) {
  fill_cache();
  EXPECT_NE(refusal("someone/demo-vlm@../../x").find("E-MODEL-NOT-FOUND"), std::string::npos);
}

TEST_F(ModelSourceTest, OldNamesMeanTheirCheckpoints) {
  const std::map<std::string, std::string> names{
      {"phi35_vision", "hf download mlx-community/Phi-3.5-vision-instruct-4bit"},
      {"llava_mlx", "hf download mlx-community/llava-v1.6-mistral-7b-4bit"},
      {"smolvlm_v2_instruct", "hf download mlx-community/SmolVLM2-500M-Video-Instruct-mlx"},
      {"smolvlm_instruct", "ggml-org/SmolVLM-500M-Instruct-GGUF"},
      {"moondream2", "vikhyatk/moondream2"},
  };
  for (const auto& [name, fragment] : names) {
    EXPECT_NE(refusal(name).find(fragment), std::string::npos) << refusal(name);
  }
}

TEST_F(ModelSourceTest, TorchBeforeAWordAsksTheSameModelWithPyTorch) {
  fill_cache();
  for (const char* word : {"demo", "someone/demo-vlm", "someone/demo-vlm@main"}) {
    const ModelSource plain = resolve_model(word, places_);
    const ModelSource source = resolve_model(std::string("torch:") + word, places_);
    EXPECT_EQ(plain.engine, "mlx");
    EXPECT_EQ(source.engine, "torch");
    EXPECT_EQ(source.folder, plain.folder);
    EXPECT_EQ(source.revision, plain.revision);
    EXPECT_EQ(source.word, std::string("torch:") + word);
    EXPECT_NE(source.described.find("with PyTorch"), std::string::npos);
  }
  EXPECT_NE(refusal("torch:org/name").find("hf download org/name"), std::string::npos);
  EXPECT_NE(refusal("torch:no/such/folder").find("E-MODEL-NOT-FOUND"), std::string::npos);
}

TEST_F(ModelSourceTest, ANameThatMeansItselfIsNotFollowedForEver) {
  places_.names = {{"mine", "torch:mine", "test"}, {"ours", "torch:demo", "test"}};
  EXPECT_NE(refusal("mine").find("E-MODEL-NOT-FOUND"), std::string::npos);
  EXPECT_EQ(resolve_model("ours", places_).label, "ours");
}

TEST_F(ModelSourceTest, AWrongEntryIsNamedWithItsFileAndWhatItStandsFor) {
  places_.names = {{"bad", "/no/such/folder", "./headroom.toml"},
                   {"typo", "demoo", "./headroom.toml"},
                   {"away", "org/name", "./headroom.toml"}};
  EXPECT_EQ(refusal("bad"),
            "E-MODEL-NOT-FOUND: ./headroom.toml: models.bad: /no/such/folder: no such folder");
  const std::string typo = refusal("typo");
  EXPECT_NE(typo.find("./headroom.toml: models.typo: demoo: "), std::string::npos) << typo;
  EXPECT_NE(typo.find("did you mean 'demo'?"), std::string::npos) << typo;
  EXPECT_NE(refusal("away").find("./headroom.toml: models.away: org/name: "), std::string::npos)
      << refusal("away");
}

TEST_F(ModelSourceTest, AnAddressIsAServers) {
  places_.names = {{"mine", "http://localhost:8080#m", "test"}};
  const ModelSource source = resolve_model("http://a/v1,http://b:1/v1/#org/m", places_);
  EXPECT_EQ(source.engine, "server");
  EXPECT_EQ(source.folder.string(), "http://a/v1,http://b:1/v1#org/m");
  EXPECT_EQ(source.label, "org/m");
  EXPECT_EQ(source.described, "2 servers");
  EXPECT_EQ(resolve_model("http://a:8/v1", places_).label, "a:8");
  EXPECT_EQ(resolve_model("mine", places_).folder.string(), "http://localhost:8080/v1#m");
  EXPECT_EQ(resolve_model("mine", places_).label, "mine");
  EXPECT_NE(refusal("http://me:pw@a/v1").find("E-SERVER-ADDRESS"), std::string::npos);
}

TEST_F(ModelSourceTest, AWrongNameGetsTheNearestOne) {
  EXPECT_NE(refusal("dmeo").find("did you mean 'demo'?"), std::string::npos) << refusal("dmeo");
}

TEST(HubFolder, FollowsTheVariablesInHuggingFacesOrder) {
  std::map<std::string, std::string> variables{{"HOME", "/home/me"}};
  const auto folder = [&] {
    return backends::hub_folder([&](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
  };
  EXPECT_EQ(folder(), "/home/me/.cache/huggingface/hub");
  variables["XDG_CACHE_HOME"] = "/xdg";
  EXPECT_EQ(folder(), "/xdg/huggingface/hub");
  variables["HF_HOME"] = "/hf";
  EXPECT_EQ(folder(), "/hf/hub");
  variables["HF_HUB_CACHE"] = "/cache";
  EXPECT_EQ(folder(), "/cache");
}

}  // namespace
}  // namespace headroom::test
