#include "engine/safetensors.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"
#include "files.h"
#include "support/temporary_folder.h"

namespace headroom::engine {
namespace {

using testing::length_prefix;
using testing::write_bytes;
using testing::write_safetensors;

const std::string kPair =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
    R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";

std::string message_of(const std::filesystem::path& path) {
  try {
    read_safetensors_header(path);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "was read";
}

TEST(SafetensorsHeader, HoldsDtypesShapesAndPlaces) {
  const SafetensorsHeader header = parse_safetensors_header(kPair, 16, "f");
  ASSERT_EQ(header.tensors.size(), 2U);
  EXPECT_EQ(header.tensors.at("b").dtype, "BF16");
  EXPECT_EQ(header.tensors.at("b").shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(header.tensors.at("b").begin, 4U);
  EXPECT_EQ(header.tensors.at("a").elements(), 1U);
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

TEST(SafetensorsHeader, TakesPaddingAndTensorsWithoutElements) {
  const std::string json = R"({"none":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
                           R"("a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}      )";
  EXPECT_EQ(parse_safetensors_header(json, 3, "f").tensors.size(), 2U);
}

TEST(SafetensorsHeader, MetadataMayHoldAnything) {
  for (const char* metadata : {"null", "{}", R"({"n":1,"deep":{"x":[1,[2]]},"t":true})"}) {
    const std::string json = std::string(R"({"__metadata__":)") + metadata +
                             R"(,"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})";
    EXPECT_EQ(parse_safetensors_header(json, 3, "f").tensors.size(), 1U) << metadata;
  }
}

struct Hostile {
  std::string name;
  std::string header;
  std::uint64_t data = 0;
  std::vector<std::string> contains;
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

std::vector<Hostile> hostile_headers() {
  const std::string path = std::string(HEADROOM_TEST_DATA) + "/engine/hostile_headers.json";
  const Json rows = parse_json(read_file(path), path);
  std::vector<Hostile> all;
  for (const Json& row : rows) {
    all.push_back({row["name"], row["header"], row["data"], row["contains"]});
  }
  return all;
}

class HostileHeader : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileHeader, IsRefusedWithTheNumbers) {
  try {
    parse_safetensors_header(GetParam().header, GetParam().data, "model.safetensors");
    FAIL() << "was accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-SAFETENSORS");
    const std::string message = error.what();
    EXPECT_EQ(message.rfind("model.safetensors: ", 0), 0U) << message;
    for (const std::string& words : GetParam().contains) {
      EXPECT_NE(message.find(words), std::string::npos) << words << " is not in: " << message;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table,
                         HostileHeader,
                         ::testing::ValuesIn(hostile_headers()),
                         [](const auto& row) { return row.param.name; });

TEST(SafetensorsHeader, DeepNestingAndLongListsAreRefusedQuickly) {
  const std::string deep = R"({"a":{"dtype":"F32","shape":)" + std::string(1'000'000, '[');
  EXPECT_THROW(parse_safetensors_header(deep, 0, "f"), UsageError);
  const std::string nested =
      R"({"__metadata__":{"x":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}}";
  EXPECT_EQ(parse_safetensors_header(nested, 0, "f").tensors.size(), 0U);
}

class SafetensorsFile : public ::testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "model.safetensors";
};

TEST_F(SafetensorsFile, IsReadWithTheStartOfItsData) {
  write_safetensors(path_, kPair, 16);
  EXPECT_EQ(read_safetensors_header(path_).data_start, 8 + kPair.size());
}

TEST_F(SafetensorsFile, MissingIsNamed) {
  EXPECT_NE(message_of(path_).find("model.safetensors: No such file"), std::string::npos)
      << message_of(path_);
}

TEST_F(SafetensorsFile, EmptyIsNamed) {
  write_bytes(path_, "");
  EXPECT_NE(message_of(path_).find("empty (0 bytes)"), std::string::npos) << message_of(path_);
}

TEST_F(SafetensorsFile, GitLfsPointerIsNamedWithTheSizeItStandsFor) {
  write_bytes(path_, "version https://git-lfs.github.com/spec/v1\noid sha256:a3\nsize 15005464\n");
  const std::string message = message_of(path_);
  EXPECT_NE(message.find("Git LFS pointer"), std::string::npos) << message;
  EXPECT_NE(message.find("15005464"), std::string::npos) << message;
  EXPECT_NE(message.find("git lfs pull"), std::string::npos) << message;
}

TEST_F(SafetensorsFile, HtmlPageIsNamed) {
  write_bytes(path_, "<!DOCTYPE html><html><body>restricted</body></html>");
  EXPECT_NE(message_of(path_).find("an HTML page"), std::string::npos) << message_of(path_);
}

TEST_F(SafetensorsFile, CutDataAreNamedWithBothSizes) {
  write_safetensors(path_, kPair, 9);
  const std::string message = message_of(path_);
  EXPECT_NE(message.find("cut short"), std::string::npos) << message;
  EXPECT_NE(message.find(std::to_string(8 + kPair.size() + 9)), std::string::npos) << message;
  EXPECT_NE(message.find(std::to_string(8 + kPair.size() + 16)), std::string::npos) << message;
}

TEST_F(SafetensorsFile, CutHeaderIsNamedWithBothSizes) {
  write_bytes(path_, length_prefix(kPair.size()) + std::string("\x01\x02", 2));
  const std::string message = message_of(path_);
  EXPECT_NE(message.find("claims " + std::to_string(kPair.size())), std::string::npos) << message;
  EXPECT_NE(message.find("the file has 10"), std::string::npos) << message;
}

TEST_F(SafetensorsFile, ThreeBytesAreCutShort) {
  write_bytes(path_, std::string("\x01\x02\x03", 3));
  EXPECT_NE(message_of(path_).find("cut short: 3 bytes"), std::string::npos) << message_of(path_);
}

TEST_F(SafetensorsFile, HugeHeaderIsRefusedBeforeItIsRead) {
  for (const std::uint64_t length : {kMaxHeaderBytes + 1, UINT64_MAX, UINT64_MAX - 7}) {
    write_bytes(path_, length_prefix(length) + std::string(100, '\x01'));
    EXPECT_NE(message_of(path_).find(std::to_string(length)), std::string::npos)
        << message_of(path_);
  }
}

TEST_F(SafetensorsFile, FolderInItsPlaceIsRefused) {
  std::filesystem::create_directory(path_);
  EXPECT_NE(message_of(path_), "was read");
}

}  // namespace
}  // namespace headroom::engine
