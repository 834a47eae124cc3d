#include "gguf_header.h"

#include <gtest/gtest.h>

#include <sstream>
#include <streambuf>

#include "base/errors.h"
#include "support/gguf_file.h"
#include "support/temporary_folder.h"

namespace headroom::backends {
namespace {

using test::GgufFile;

GgufHeader parse(const std::string& bytes) {
  std::istringstream stream(bytes);
  return parse_gguf_header(stream, bytes.size(), "file");
}

std::string refusal(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const UsageError& error) {
    return error.code() == "E-GGUF" ? error.what() : "another code: " + error.code();
  }
  return "taken";
}

std::string refusal(const GgufFile& file) { return refusal(file.bytes()); }

std::string number(std::uint64_t value) {
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i) {
    bytes += static_cast<char>(value >> (8 * i) & 0xFFU);
  }
  return bytes;
}

TEST(GgufHeader, ReadsValuesAndTensors) {
  GgufFile file;
  file.text("general.architecture", "llama")
      .count("llama.block_count", 6)
      .flag("clip.has_vision_encoder", true)
      .fraction("llama.rope.freq_base", 0.5F)
      .counts("llama.attention.head_count_kv", {1, 2, 3})
      .texts("tokenizer.ggml.tokens", {"a", "", "ccc"})
      .tensor("a", {256, 3}, 12, 432)
      .tensor("b", {5}, 0, 20);
  const GgufHeader header = parse(file.bytes());
  EXPECT_EQ(header.version, 3U);
  EXPECT_EQ(header.text("general.architecture"), "llama");
  EXPECT_EQ(header.count("llama.block_count"), 6U);
  EXPECT_EQ(header.count("clip.has_vision_encoder"), 1U);
  EXPECT_EQ(std::get<double>(header.values.at("llama.rope.freq_base")), 0.5);
  EXPECT_EQ(header.list("llama.attention.head_count_kv")->whole,
            (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(header.list("tokenizer.ggml.tokens")->length, 3U);
  EXPECT_TRUE(header.list("tokenizer.ggml.tokens")->whole.empty());
  ASSERT_EQ(header.tensors.size(), 2U);
  EXPECT_EQ(header.tensors[0].bytes, Bytes(3 * 144)) << "three rows of one block of Q4_K";
  EXPECT_EQ(header.weights(), Bytes(3 * 144 + 20));
  EXPECT_EQ(header.parameters(), 773U);
  EXPECT_EQ(header.main_type(), "Q4_K");
}

TEST(GgufHeader, ValuesOfAnotherKindAreNotTakenForWhatTheyAreNot) {
  GgufFile file;
  file.text("a", "7").fraction("b", 7).raw("c", 5, std::string("\xFF\xFF\xFF\xFF", 4));
  const GgufHeader header = parse(file.bytes());
  EXPECT_FALSE(header.count("a"));
  EXPECT_FALSE(header.count("b"));
  EXPECT_FALSE(header.count("c")) << "-1 counts nothing";
  EXPECT_FALSE(header.text("b"));
  EXPECT_EQ(header.list("a"), nullptr);
}

TEST(GgufHeader, ATensorOfATypeToComeHasTheBytesUpToTheNext) {
  GgufFile file;
  file.tensor("a", {64}, 99, 100).tensor("b", {8}, 0, 32);
  const GgufHeader header = parse(file.bytes());
  EXPECT_EQ(header.tensors[0].bytes, Bytes(128));
  EXPECT_EQ(gguf_type_name(header.tensors[0].type), "type 99");
}

TEST(GgufHeader, EveryBeginningOfAFileIsRefused) {
  const std::string whole = test::small_gguf_text().bytes();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(refusal(whole.substr(0, length)), "taken") << length;
  }
  EXPECT_EQ(refusal(whole), "taken");
}

TEST(GgufHeader, OtherFilesVersionsAndByteOrdersAreNamed) {
  GgufFile other;
  other.magic = "PK\x03\x04";
  EXPECT_NE(refusal(other).find("not a GGUF file"), std::string::npos);
  GgufFile old;
  old.version = 1;
  EXPECT_NE(refusal(old).find("version 1; versions 2 and 3"), std::string::npos);
  GgufFile swapped;
  swapped.version = 3U << 24U;
  EXPECT_NE(refusal(swapped).find("other order"), std::string::npos) << refusal(swapped);
}

TEST(GgufHeader, LengthsThatTheFileCannotHoldAreRefusedBeforeAnythingIsMade) {
  const std::string huge = number(~std::uint64_t{0});
  GgufFile text;
  text.raw("a", 8, huge);
  EXPECT_NE(refusal(text).find("a text of 18446744073709551615 bytes"), std::string::npos)
      << refusal(text);
  for (const std::uint32_t kind : {4U, 6U, 8U, 10U}) {
    GgufFile list;
    list.raw("a", 9, std::string(1, static_cast<char>(kind)) + std::string(3, '\0') + huge);
    EXPECT_NE(refusal(list), "taken") << kind;
  }
  GgufFile nested;
  nested.raw("a", 9, std::string("\x09\0\0\0", 4) + number(1));
  EXPECT_NE(refusal(nested).find("no list is of"), std::string::npos);
  const std::string counts = "GGUF" + std::string("\x03\0\0\0", 4) + huge + huge;
  EXPECT_NE(refusal(counts).find("at most"), std::string::npos) << refusal(counts);
}

/// A file of so many bytes, read without being held: `beginning`, then `filling` again and again.
class LongFile : public std::streambuf {
 public:
  LongFile(std::string beginning, std::string filling)
      : beginning_(std::move(beginning)), filling_(std::move(filling)) {
    while (filling_.size() < (1U << 20U)) {
      filling_ += filling_;
    }
    setg(beginning_.data(), beginning_.data(), beginning_.data() + beginning_.size());
  }

 private:
  int_type underflow() override {
    setg(filling_.data(), filling_.data(), filling_.data() + filling_.size());
    return traits_type::to_int_type(filling_.front());
  }

  std::string beginning_;
  std::string filling_;
};

std::string refusal_of_long(const std::string& beginning, const std::string& filling) {
  LongFile file(beginning, filling);
  std::istream stream(&file);
  try {
    parse_gguf_header(stream, std::uint64_t{1} << 40U, "file");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "taken";
}

std::string beginning_of(std::uint64_t tensors, std::uint64_t values) {
  return "GGUF" + std::string("\x03\0\0\0", 4) + number(tensors) + number(values);
}

TEST(GgufHeader, AHeaderOfMoreBytesThanAnyModelHasIsNotReadToItsEnd) {
  const std::string list = number(1) + "a" + std::string("\x09\0\0\0", 4);
  const std::string texts = list + std::string("\x08\0\0\0", 4) + number(1U << 30U);
  const std::string refused =
      refusal_of_long(beginning_of(0, 1) + texts, number(1000) + std::string(1000, 'x'));
  EXPECT_NE(refused.find("a header of more than 256.0 MiB"), std::string::npos) << refused;
  const std::string counts = list + std::string("\x04\0\0\0", 4) + number(1ULL << 32U);
  EXPECT_NE(refusal_of_long(beginning_of(0, 1) + counts, "x").find("more than 256.0 MiB"),
            std::string::npos);
}

TEST(GgufHeader, WhatIsKeptOfAHeaderIsBounded) {
  // Keys of 65,000 bytes, each with a number of one byte.
  const std::string pair = number(65'000) + std::string(65'000, 'k') + std::string("\0\0\0\0\7", 5);
  std::string keys;
  for (int i = 0; i < 1100; ++i) {
    std::string one = pair;
    one.replace(8, 5, std::to_string(10'000 + i));
    keys += one;
  }
  const std::string refused = refusal_of_long(beginning_of(0, 2000) + keys, "x");
  EXPECT_NE(refused.find("holds more than 64.0 MiB of names and figures"), std::string::npos)
      << refused;
}

TEST(GgufHeader, ItsWordsAreShownWithoutWhatATerminalWouldObey) {
  GgufFile file;
  file.text("general.architecture", "\x1b[2Jllama\n").count("\x1b]0;k\x07", 1);
  EXPECT_EQ(parse(file.bytes()).text("general.architecture"), "?[2Jllama?");
  const std::string twice = refusal(file.count("\x1b]0;k\x07", 2));
  EXPECT_EQ(twice.find('\x1b'), std::string::npos);
  EXPECT_NE(twice.find("key '?]0;k?' stands twice"), std::string::npos) << twice;
  EXPECT_EQ(parse(GgufFile().text("a", std::string(5000, 'a')).bytes()).text("a")->size(), 200U);
}

TEST(GgufHeader, TensorsLieInTheDataBesideEachOther) {
  EXPECT_NE(refusal(GgufFile().tensor("a", {8}, 0, 0)).find("does not lie within"),
            std::string::npos);
  EXPECT_NE(refusal(GgufFile().tensor("b", {8}, 0, 32).tensor_at("a", {8}, 0, 0)).find("beside"),
            std::string::npos);
  EXPECT_NE(refusal(GgufFile().tensor("b", {8}, 0, 64).tensor_at("a", {1}, 0, 33)), "taken")
      << "not aligned";
  const std::uint64_t half = std::uint64_t{1} << 63U;
  EXPECT_NE(refusal(GgufFile().tensor("a", {half, 4}, 0, 32)).find("too many"), std::string::npos);
  EXPECT_NE(refusal(GgufFile().tensor("a", {half}, 24, 32)).find("larger than the file"),
            std::string::npos);
  EXPECT_NE(refusal(GgufFile().tensor("a", {100}, 12, 144)).find("does not divide"),
            std::string::npos);
  EXPECT_NE(refusal(GgufFile().tensor("a", {1, 1, 1, 1, 1}, 0, 32)).find("dimensions"),
            std::string::npos);
}

TEST(GgufHeader, NamesStandOnce) {
  EXPECT_NE(refusal(GgufFile().count("a", 1).count("a", 2)).find("key 'a' stands twice"),
            std::string::npos);
  EXPECT_NE(refusal(GgufFile().tensor("t", {8}, 0, 32).tensor("t", {8}, 0, 32)).find("twice"),
            std::string::npos);
}

TEST(GgufHeader, AnAlignmentThatIsNoneIsRefused) {
  for (const std::uint32_t alignment : {0U, 3U, 1U << 30U}) {
    GgufFile file;
    file.count("general.alignment", alignment);
    EXPECT_NE(refusal(file).find("general.alignment"), std::string::npos) << alignment;
  }
}

TEST(GgufHeader, AFileThatIsNotThereIsNamed) {
  const test::TemporaryFolder folder;
  try {
    read_gguf_header(folder / "none.gguf");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("none.gguf: cannot be read"), std::string::npos);
  }
}

}  // namespace
}  // namespace headroom::backends
