#include "engine/weights.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "base/errors.h"
#include "files.h"
#include "support/temporary_folder.h"

namespace headroom::engine {
namespace {

using Mode = Weights::Mode;

std::optional<std::string> same(const std::string& name) { return name; }

/// A folder with three tensors: a F32 [2, 2] = 1 2 3 4; b BF16 [2] = 1 -2; c F16 [1] = 0.5.
class WeightsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string header = R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
                               R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]},)"
                               R"("c":{"dtype":"F16","shape":[1],"data_offsets":[20,22]}})";
    std::string data;
    for (const float value : {1.0F, 2.0F, 3.0F, 4.0F}) {
      data.append(reinterpret_cast<const char*>(&value), 4);
    }
    for (const std::uint16_t bits : std::array<std::uint16_t, 3>{0x3F80, 0xC000, 0x3800}) {
      data.append(reinterpret_cast<const char*>(&bits), 2);
    }
    testing::write_bytes(folder_ / "model.safetensors",
                         testing::length_prefix(header.size()) + header + data);
    checkpoint_.emplace(Checkpoint::open(folder_.path()));
  }

  static std::vector<float> values(const mx::array& x) {
    mx::array y = mx::astype(x, mx::float32);
    mx::eval(y);
    return {y.data<float>(), y.data<float>() + y.size()};
  }

  test::TemporaryFolder folder_;
  std::optional<Checkpoint> checkpoint_;
};

TEST_F(WeightsTest, ConvertsEachStoredDtypeToTheWantedOne) {
  for (const mx::Dtype dtype : {mx::float32, mx::bfloat16, mx::float16}) {
    Weights weights(*checkpoint_, dtype, Mode::kRead, same);
    const mx::array a = weights.take("a", {2, 2});
    EXPECT_EQ(a.dtype(), dtype);
    EXPECT_EQ(values(a), (std::vector<float>{1, 2, 3, 4}));
    EXPECT_EQ(values(weights.take("b", {2})), (std::vector<float>{1, -2}));
    EXPECT_EQ(values(weights.take("c", {1})), (std::vector<float>{0.5}));
    EXPECT_NO_THROW(weights.finish());
    EXPECT_EQ(weights.parameters(), 7U);
    EXPECT_EQ(weights.bytes(), Bytes(7 * mx::size_of(dtype)));
  }
}

TEST_F(WeightsTest, WhatIsRaisedIsOfFloat32InEveryDtype) {
  for (const mx::Dtype dtype : {mx::float32, mx::bfloat16, mx::float16}) {
    Weights weights(*checkpoint_, dtype, Mode::kRead, same);
    const mx::array c = weights.take_raised("c", {1}, 1.0F / 1024);
    EXPECT_EQ(c.dtype(), mx::float32);
    EXPECT_EQ(values(c), (std::vector<float>{0.5F + 1.0F / 1024})) << "bfloat16 would round it";
    EXPECT_EQ(weights.bytes(), Bytes(sizeof(float)));
  }
}

TEST_F(WeightsTest, StacksTensorsBelowEachOther) {
  Weights weights(*checkpoint_, mx::float32, Mode::kRead, same);
  const std::array<std::string, 2> names{"b", "c"};
  const std::array<int, 2> rows{2, 1};
  const mx::array both = weights.take_stacked(names, rows, 0);
  EXPECT_EQ(both.shape(), (mx::Shape{3}));
  EXPECT_EQ(values(both), (std::vector<float>{1, -2, 0.5}));
}

TEST_F(WeightsTest, CheckingReadsNothingAndKnowsTheSizes) {
  std::filesystem::resize_file(folder_ / "model.safetensors", 100);
  Weights weights(*checkpoint_, mx::float32, Mode::kCheck, same);
  const mx::array a = weights.take("a", {2, 2});
  EXPECT_EQ(a.shape(), (mx::Shape{2, 2}));
  EXPECT_EQ(weights.bytes(), Bytes(16));
  EXPECT_EQ(weights.parameters(), 4U);
}

TEST_F(WeightsTest, FinishListsMissingWrongAndUnexpectedTogether) {
  Weights weights(*checkpoint_, mx::float32, Mode::kCheck, same);
  weights.take("a", {4, 1});
  weights.take("layer.q", {2, 2});
  weights.take("layer.k", {2, 2});
  try {
    weights.finish();
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-WEIGHTS");
    const std::string message = error.what();
    for (const char* words : {"2 missing: layer.q, layer.k",
                              "1 wrong: a is [2, 2], wanted [4, 1]",
                              "2 unexpected: b, c"}) {
      EXPECT_NE(message.find(words), std::string::npos) << words << " is not in: " << message;
    }
  }
}

TEST_F(WeightsTest, EachTensorIsHandedOutOnce) {
  Weights weights(*checkpoint_, mx::float32, Mode::kCheck, same);
  EXPECT_TRUE(weights.has("a"));
  weights.take("a", {2, 2});
  EXPECT_FALSE(weights.has("a"));
  weights.take("a", {2, 2});
  EXPECT_THROW(weights.finish(), UsageError);
}

TEST_F(WeightsTest, RenamingLeavesOutAndRefusesTwins) {
  const auto without_b = [](const std::string& name) -> std::optional<std::string> {
    return name == "b" ? std::nullopt : std::optional("x." + name);
  };
  Weights weights(*checkpoint_, mx::float32, Mode::kCheck, without_b);
  weights.take("x.a", {2, 2});
  weights.take("x.c", {1});
  EXPECT_NO_THROW(weights.finish());
  const auto twins = [](const std::string&) { return std::optional<std::string>("one"); };
  EXPECT_THROW(Weights(*checkpoint_, mx::float32, Mode::kCheck, twins), UsageError);
}

TEST_F(WeightsTest, IntegersAreNoWeights) {
  testing::write_safetensors(folder_ / "model.safetensors",
                             R"({"a":{"dtype":"U32","shape":[2],"data_offsets":[0,8]}})",
                             8);
  const Checkpoint checkpoint = Checkpoint::open(folder_.path());
  Weights weights(checkpoint, mx::float32, Mode::kCheck, same);
  weights.take("a", {2});
  try {
    weights.finish();
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("a is U32, wanted F32, BF16 or F16"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(WeightsTest, FileThatShrinksWhileItIsReadIsNamed) {
  Weights weights(*checkpoint_, mx::float32, Mode::kRead, same);
  std::filesystem::resize_file(folder_ / "model.safetensors", 100);
  try {
    weights.take("a", {2, 2});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-WEIGHTS-FILE");
  }
}

}  // namespace
}  // namespace headroom::engine
