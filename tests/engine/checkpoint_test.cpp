#include "engine/checkpoint.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "files.h"
#include "support/temporary_folder.h"

namespace headroom::engine {
namespace {

constexpr const char* kOne = R"({"NAME":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})";

class CheckpointTest : public ::testing::Test {
 protected:
  void tensor_file(const std::string& file, const std::string& tensor) {
    std::string header = kOne;
    header.replace(header.find("NAME"), 4, tensor);
    testing::write_safetensors(folder_ / file, header, 3);
  }

  void index(const std::string& map) {
    testing::write_bytes(folder_ / "model.safetensors.index.json", "{\"weight_map\":" + map + "}");
  }

  std::string refusal() const {
    try {
      Checkpoint::open(folder_.path());
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-CHECKPOINT");
      return error.what();
    }
    return "was opened";
  }

  void expect_refusal(std::initializer_list<const char*> words) const {
    const std::string message = refusal();
    for (const char* word : words) {
      EXPECT_NE(message.find(word), std::string::npos) << word << " is not in: " << message;
    }
  }

  test::TemporaryFolder folder_;
};

TEST_F(CheckpointTest, SingleFileIsItsTensors) {
  tensor_file("model.safetensors", "a");
  const Checkpoint checkpoint = Checkpoint::open(folder_.path());
  EXPECT_EQ(checkpoint.tensors().count("a"), 1U);
  EXPECT_TRUE(checkpoint.notices().empty());
}

TEST_F(CheckpointTest, PickledWeightsAreRefusedByNameWithTheCommandThatConvertsThem) {
  for (const char* name : {"pytorch_model.bin.index.json", "pytorch_model.bin"}) {
    testing::write_bytes(folder_ / name, "PK");
    expect_refusal({name, "save_pretrained", folder_.path().c_str()});
  }
  tensor_file("model.safetensors", "a");
  EXPECT_EQ(refusal(), "was opened") << "beside safetensors they are not looked at";
}

TEST_F(CheckpointTest, IndexJoinsItsFilesAndNamesStrays) {
  tensor_file("x.safetensors", "a");
  tensor_file("y.safetensors", "b");
  tensor_file("adapter.safetensors", "a");
  index(R"({"a":"x.safetensors","b":"y.safetensors"})");
  const Checkpoint checkpoint = Checkpoint::open(folder_.path());
  EXPECT_EQ(checkpoint.tensors().size(), 2U);
  EXPECT_EQ(checkpoint.files().size(), 2U);
  ASSERT_EQ(checkpoint.notices().size(), 1U);
  EXPECT_NE(checkpoint.notices()[0].find("adapter.safetensors"), std::string::npos);
}

TEST_F(CheckpointTest, MissingFolderIsNamed) {
  try {
    Checkpoint::open(folder_ / "nowhere");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("nowhere: no such folder"), std::string::npos);
  }
}

TEST_F(CheckpointTest, EmptyFolderAndOtherFilesAreNamed) {
  expect_refusal({"model.safetensors", "holds nothing"});
  testing::write_bytes(folder_ / "pytorch_model.bin", "x");
  expect_refusal({"pytorch_model.bin"});
}

TEST_F(CheckpointTest, AllAbsentFilesAreListed) {
  tensor_file("y.safetensors", "b");
  index(R"({"a":"x.safetensors","b":"y.safetensors","c":"z.safetensors"})");
  expect_refusal({"2 of the 3 files", "x.safetensors", "z.safetensors"});
}

TEST_F(CheckpointTest, MisplacedTensorsAreListedWithTheirFile) {
  tensor_file("x.safetensors", "a");
  index(R"({"a":"x.safetensors","b":"x.safetensors"})");
  expect_refusal({"1 of its 2 tensors", "'b' in x.safetensors"});
}

TEST_F(CheckpointTest, PathsOutOfTheFolderAreRefused) {
  for (const char* path : {"../x.safetensors", "/x.safetensors", "sub/x.safetensors", "..", ""}) {
    index(std::string(R"({"a":")") + path + "\"}");
    expect_refusal({"outside of the folder"});
  }
}

TEST_F(CheckpointTest, SingleFileBesideAnIndexForOthersIsRefused) {
  tensor_file("model.safetensors", "a");
  tensor_file("x.safetensors", "a");
  index(R"({"a":"x.safetensors"})");
  expect_refusal({"both model.safetensors and model.safetensors.index.json"});
  index(R"({"a":"model.safetensors"})");
  EXPECT_EQ(Checkpoint::open(folder_.path()).files().size(), 1U);
}

TEST_F(CheckpointTest, SameTensorInTwoFilesNeedsTheIndexToDecide) {
  tensor_file("x.safetensors", "a");
  testing::write_safetensors(folder_ / "y.safetensors",
                             R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                             R"("b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})",
                             4);
  index(R"({"a":"x.safetensors","b":"y.safetensors"})");
  EXPECT_EQ(Checkpoint::open(folder_.path()).tensors().at("a").file, 0U);
}

TEST_F(CheckpointTest, BrokenIndexIsNamed) {
  for (const char* text : {"{", "[]", "{}", R"({"weight_map":3})", R"({"weight_map":{"a":1}})"}) {
    testing::write_bytes(folder_ / "model.safetensors.index.json", text);
    expect_refusal({"model.safetensors.index.json"});
  }
}

TEST_F(CheckpointTest, JsonFilesThatAreSomethingElseAreNamed) {
  for (const auto& [text, words] : std::map<std::string, std::string>{
           {"version https://git-lfs.github.com/spec/v1\nsize 5\n", "Git LFS pointer"},
           {"<html>", "an HTML page"},
           {"", "empty"},
           {"[1]", "not a JSON table"},
           {"{\"a\":", "byte"}}) {
    testing::write_bytes(folder_ / "config.json", text);
    try {
      read_checkpoint_json(folder_ / "config.json");
      ADD_FAILURE() << text;
    } catch (const UsageError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("config.json"), std::string::npos) << message;
      EXPECT_NE(message.find(words), std::string::npos) << message;
    }
  }
}

}  // namespace
}  // namespace headroom::engine
