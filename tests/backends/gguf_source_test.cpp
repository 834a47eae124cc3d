// What words for GGUF models mean.
#include <gtest/gtest.h>

#include <fstream>

#include "backends/gguf_files.h"
#include "backends/model_source.h"
#include "base/errors.h"
#include "support/gguf_file.h"
#include "support/temporary_folder.h"

namespace headroom::backends {
namespace {

namespace fs = std::filesystem;

class GgufSource : public ::testing::Test {
 protected:
  /// An empty file of that name; none is opened to find it.
  fs::path put(const fs::path& name) const {
    const fs::path file = folder_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << std::string(2000, 'x');
    return file;
  }

  void put_cached(const std::vector<std::string>& names) const {
    const fs::path base = folder_ / "hub/models--org--name-GGUF";
    fs::create_directories(base / "refs");
    std::ofstream(base / "refs/main") << "0123456789abcdef\n";
    for (const std::string& name : names) {
      put(fs::path("hub/models--org--name-GGUF/snapshots/0123456789abcdef") / name);
    }
  }

  ModelSource resolve(const std::string& word) const {
    return resolve_model(word, {folder_ / "demo", folder_ / "hub", names_});
  }

  GgufFiles files(const std::string& word) const {
    return parse_gguf_files(resolve(word).folder.string());
  }

  std::string refusal(const std::string& word) const {
    try {
      resolve(word);
    } catch (const UsageError& error) {
      return error.code() + ": " + error.what();
    }
    return "resolved";
  }

  std::string in(const std::string& name) const { return (folder_ / name).string(); }

  test::TemporaryFolder folder_;
  std::vector<ModelName> names_;
};

TEST_F(GgufSource, AFileWithTheVisionPartBesideIt) {
  put("m/model-Q8_0.gguf");
  const fs::path mmproj = put("m/mmproj-f16.gguf");
  const ModelSource source = resolve("gguf:" + in("m/model-Q8_0.gguf"));
  EXPECT_EQ(source.engine, "gguf");
  EXPECT_EQ(source.label, "model-Q8_0");
  EXPECT_EQ(files("gguf:" + in("m/model-Q8_0.gguf")).mmproj, mmproj);
  EXPECT_EQ(files(in("m/model-Q8_0.gguf")).mmproj, mmproj) << "its name says what it is";
  EXPECT_EQ(files("gguf:" + in("m")).model, folder_ / "m/model-Q8_0.gguf");
  EXPECT_EQ(files("gguf:" + in("m") + "+mmproj=none").mmproj, "");
}

TEST_F(GgufSource, AFileOfTheWorkingFolder) {
  put("m/model.gguf");
  const fs::path mmproj = put("m/mmproj.gguf");
  const fs::path before = fs::current_path();
  fs::current_path(folder_ / "m");
  const GgufFiles found = files("gguf:model.gguf");
  fs::current_path(before);
  EXPECT_EQ(found.mmproj, mmproj);
  EXPECT_EQ(found.model, folder_ / "m/model.gguf");
}

TEST_F(GgufSource, SeveralVisionPartsAreListedUnlessOneHasTheModelsName) {
  put("m/model-Q8_0.gguf");
  put("m/mmproj-model-f16.gguf");
  put("m/mmproj-model-Q4_K.gguf");
  const std::string word = "gguf:" + in("m/model-Q8_0.gguf");
  EXPECT_NE(refusal(word).find("E-MODEL-AMBIGUOUS"), std::string::npos) << refusal(word);
  EXPECT_NE(refusal(word).find("mmproj-model-Q4_K.gguf, mmproj-model-f16.gguf"), std::string::npos);
  EXPECT_EQ(files(word + "+mmproj=mmproj-model-f16.gguf").mmproj.filename(),
            "mmproj-model-f16.gguf")
      << "a bare name lies beside the model";
  put("m/mmproj-model-Q8_0.gguf");
  EXPECT_EQ(files(word).mmproj.filename(), "mmproj-model-Q8_0.gguf");
}

TEST_F(GgufSource, ASplitModelIsItsFirstPartAndNeedsAll) {
  put("m/big-00001-of-00002.gguf");
  const std::string word = "gguf:" + in("m");
  EXPECT_NE(refusal(word).find("big-00002-of-00002.gguf is not there"), std::string::npos)
      << refusal(word);
  put("m/big-00002-of-00002.gguf");
  EXPECT_EQ(resolve(word).label, "big");
  EXPECT_EQ(all_files(files(word)).size(), 2U);
}

TEST_F(GgufSource, ARepositorysQuantisationIsAWholeWordOfTheFilesName) {
  put_cached({"name-Q4_K_M.gguf", "name-q8_0.gguf", "name-Q4_K.gguf", "mmproj-name.gguf"});
  const ModelSource source = resolve("gguf:org/name-GGUF:Q8_0");
  EXPECT_EQ(source.repository, "org/name-GGUF");
  EXPECT_EQ(source.label, "name-GGUF-Q8_0");
  EXPECT_EQ(source.revision, "0123456789abcdef");
  EXPECT_EQ(files("gguf:org/name-GGUF:Q8_0").model.filename(), "name-q8_0.gguf");
  EXPECT_EQ(files("gguf:org/name-GGUF:Q4_K").model.filename(), "name-Q4_K.gguf");
  EXPECT_EQ(files("gguf:org/name-GGUF").model.filename(), "name-Q4_K_M.gguf")
      << "what llama.cpp takes itself";
  EXPECT_EQ(files("gguf:org/name-GGUF:Q8_0@0123456").mmproj.filename(), "mmproj-name.gguf");
  const std::string missing = refusal("gguf:org/name-GGUF:F16");
  EXPECT_NE(missing.find("E-MODEL-NOT-CACHED"), std::string::npos);
  EXPECT_NE(missing.find("hf download org/name-GGUF --include '*F16*' --include '*mmproj*'"),
            std::string::npos)
      << missing;
}

TEST_F(GgufSource, SeveralModelsAreListed) {
  put("m/a.gguf");
  put("m/b.gguf");
  const std::string refused = refusal("gguf:" + in("m"));
  EXPECT_NE(refused.find("E-MODEL-AMBIGUOUS"), std::string::npos);
  EXPECT_NE(refused.find("2 models are there: a.gguf, b.gguf"), std::string::npos) << refused;
}

TEST_F(GgufSource, WhatIsNotThereIsSaidWithTheCommandThatGetsIt) {
  EXPECT_NE(refusal("gguf:org/other:Q4_0").find("hf download org/other --include '*Q4_0*'"),
            std::string::npos)
      << refusal("gguf:org/other:Q4_0");
  EXPECT_EQ(fetch_command("gguf:org/other", folder_ / "hub"), "hf download org/other");
  EXPECT_NE(refusal("gguf:none.gguf").find("E-MODEL-NOT-FOUND"), std::string::npos);
  EXPECT_NE(refusal("gguf:no/such/file.gguf").find("E-MODEL-NOT-FOUND"), std::string::npos);
  put("m/model.gguf");
  EXPECT_NE(refusal("gguf:" + in("m") + "+mmproj=/no/file.gguf").find("no file /no/file.gguf"),
            std::string::npos);
  EXPECT_EQ(fetch_command("gguf:" + in("m"), folder_ / "hub"), "");
}

TEST_F(GgufSource, LinksToNothingAndPointersAreNoModels) {
  fs::create_directories(folder_ / "m");
  fs::create_symlink(folder_ / "blob", folder_ / "m/model.gguf");
  EXPECT_NE(refusal("gguf:" + in("m/model.gguf")).find("E-MODEL-DANGLING"), std::string::npos);
  std::ofstream(folder_ / "m/lfs.gguf") << "version https://git-lfs.github.com/spec/v1\n";
  EXPECT_NE(refusal("gguf:" + in("m/lfs.gguf")).find("E-MODEL-LFS"), std::string::npos);
}

TEST_F(GgufSource, WrongWordsBehindItAreNamed) {
  put("m/model.gguf");
  for (const char* end : {"+mmproj=", "+image-tokens=", "+image-tokens=x", "+image-tokens=0"}) {
    EXPECT_NE(refusal("gguf:" + in("m") + end).find("E-GGUF-WORD"), std::string::npos) << end;
  }
  EXPECT_NE(refusal("gguf:").find("E-GGUF-WORD"), std::string::npos);
  EXPECT_EQ(files("gguf:" + in("m") + "+image-tokens=64").image_tokens, 64U);
}

TEST_F(GgufSource, ANameMayStandForOne) {
  put("m/model.gguf");
  names_ = {{"mine", "gguf:" + in("m"), "test"}};
  EXPECT_EQ(resolve("mine").engine, "gguf");
  EXPECT_EQ(resolve("mine").label, "mine");
}

TEST_F(GgufSource, TheOtherEnginesDoNotTakeIt) {
  put("m/model.gguf");
  EXPECT_NE(refusal("torch:" + in("m/model.gguf")).find("E-MODEL-ENGINE"), std::string::npos);
  EXPECT_NE(refusal(in("m")).find("are asked by the name gguf:"), std::string::npos)
      << refusal(in("m"));
}

TEST(GgufFiles, AreTheSameAfterBeingWrittenDown) {
  for (const GgufFiles& files : {GgufFiles{"/a/b.gguf", "", 0},
                                 GgufFiles{"/a b/c+d.gguf", "/e/mmproj.gguf", 0},
                                 GgufFiles{"/a.gguf", "", 7},
                                 GgufFiles{"/a.gguf", "/b.gguf", 65'536}}) {
    EXPECT_EQ(parse_gguf_files(to_string(files)), files) << to_string(files);
  }
}

TEST(GgufFiles, AreSummarisedFromTheirHeaders) {
  const test::TemporaryFolder folder;
  test::small_gguf_text().write(folder / "a.gguf");
  const GgufSummary summary = summarise_gguf({folder / "a.gguf", "", 0});
  EXPECT_EQ(summary.architecture, "llama");
  EXPECT_EQ(summary.type, "F16");
  EXPECT_EQ(summary.weights, Bytes(fs::file_size(folder / "a.gguf")));
  std::ofstream(folder / "b.gguf") << "not one";
  EXPECT_EQ(summarise_gguf({folder / "b.gguf", "", 0}).architecture, "");
}

}  // namespace
}  // namespace headroom::backends
