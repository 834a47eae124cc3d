// Packed matrices against MLX's own dequantisation.
#include "engine/quantisation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/errors.h"
#include "engine/weights.h"
#include "support/temporary_folder.h"

namespace headroom::engine {
namespace {

constexpr int kRows = 7;
constexpr int kColumns = 256;

std::optional<std::string> same(const std::string& name) { return name; }

mx::array matrix() {
  const mx::array x =
      mx::random::normal({kRows, kColumns}, mx::float32, 0.0F, 1.0F, mx::random::key(7));
  mx::eval(x);
  return x;
}

Json settings(int bits, int group, const std::string& mode = "affine") {
  return {{"quantization", {{"bits", bits}, {"group_size", group}, {"mode", mode}}}};
}

/// The matrix "m.weight" of a folder, read as it is when a model is loaded.
mx::array read(const std::filesystem::path& folder, const Json& config, mx::Dtype dtype) {
  const Checkpoint checkpoint = Checkpoint::open(folder);
  for (const auto mode : {Weights::Mode::kCheck, Weights::Mode::kRead}) {
    Weights weights(checkpoint, dtype, mode, same, Quantisation::from_json(config, "config.json"));
    mx::array x = weights.take("m.weight", {kRows, kColumns});
    weights.finish();
    if (mode == Weights::Mode::kRead) {
      return x;
    }
  }
  throw InternalError("not reached");
}

void save(const std::filesystem::path& folder, const std::vector<mx::array>& packed) {
  std::unordered_map<std::string, mx::array> tensors{{"m.weight", packed[0]},
                                                     {"m.scales", packed[1]}};
  if (packed.size() > 2) {
    tensors.insert({"m.biases", packed[2]});
  }
  mx::save_safetensors((folder / "model.safetensors").string(), tensors, {{"format", "mlx"}});
}

double difference(const mx::array& a, const mx::array& b) {
  const mx::array d =
      mx::max(mx::abs(mx::subtract(mx::astype(a, mx::float32), mx::astype(b, mx::float32))));
  return static_cast<double>(mx::array(d).item<float>());
}

class Affine : public ::testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(Affine, IsReadAsMlxUnpacksIt) {
  const auto [bits, group] = GetParam();
  test::TemporaryFolder folder;
  const auto packed = mx::quantize(matrix(), group, bits);
  save(folder.path(), packed);
  const mx::array wanted = mx::dequantize(packed[0], packed[1], packed[2], group, bits);
  const Json config = settings(bits, group);
  EXPECT_LT(difference(read(folder.path(), config, mx::float32), wanted), 1e-5);
  EXPECT_LT(difference(read(folder.path(), config, mx::bfloat16), wanted), 2e-2);
}

INSTANTIATE_TEST_SUITE_P(Packings,
                         Affine,
                         ::testing::Combine(::testing::Values(2, 3, 4, 5, 6, 8),
                                            ::testing::Values(32, 64, 128)),
                         [](const auto& one) {
                           return std::to_string(std::get<0>(one.param)) + "_bits_of_" +
                                  std::to_string(std::get<1>(one.param));
                         });

TEST(Mxfp4, IsReadAsMlxUnpacksIt) {
  test::TemporaryFolder folder;
  const auto packed = mx::quantize(matrix(), 32, 4, "mxfp4");
  save(folder.path(), packed);
  const mx::array wanted = mx::dequantize(packed[0], packed[1], std::nullopt, 32, 4, "mxfp4");
  EXPECT_EQ(difference(read(folder.path(), settings(4, 32, "mxfp4"), mx::float32), wanted), 0.0);
}

TEST(Quantisation, OneMatrixMayBePackedOtherwise) {
  Json config = settings(4, 64);
  config["quantization"]["a.b"] = {{"bits", 6}, {"group_size", 32}};
  config["quantization"]["a.c"] = false;
  const Quantisation quantisation = Quantisation::from_json(config, "config.json");
  EXPECT_EQ(quantisation.of("a.b"), (Packing{Packing::Mode::kAffine, 6, 32}));
  EXPECT_EQ(quantisation.of("a.c"), std::nullopt);
  EXPECT_EQ(quantisation.of("a.d"), (Packing{Packing::Mode::kAffine, 4, 64}));
}

TEST(Quantisation, WhatAMatrixsOwnTableLeavesOutIsMlxsDefault) {
  Json config = settings(8, 32);
  config["quantization"]["a.b"] = {{"bits", 6}};
  config["quantization"]["a.c"] = {{"group_size", 128}};
  config["quantization"]["a.d"] = {{"mode", "mxfp4"}};
  config["quantization"]["a.e"] = true;
  const Quantisation quantisation = Quantisation::from_json(config, "config.json");
  EXPECT_EQ(quantisation.of("a.b"), (Packing{Packing::Mode::kAffine, 6, 64}));
  EXPECT_EQ(quantisation.of("a.c"), (Packing{Packing::Mode::kAffine, 4, 128}));
  EXPECT_EQ(quantisation.of("a.d"), (Packing{Packing::Mode::kMxfp4, 4, 32}));
  EXPECT_EQ(quantisation.of("a.e"), (Packing{Packing::Mode::kAffine, 8, 32}));
}

TEST(Quantisation, ItsOtherPlaceSaysTheSame) {
  const Json config = {{"quantization_config", {{"bits", 8}, {"group_size", 32}}}};
  EXPECT_EQ(Quantisation::from_json(config, "c").usual(), (Packing{Packing::Mode::kAffine, 8, 32}));
  EXPECT_FALSE(Quantisation::from_json(Json::object(), "c").any());
}

TEST(Quantisation, WhatIsNotKnownIsRefusedByName) {
  const std::vector<std::pair<Json, std::string>> rows = {
      {settings(7, 64), "7 bits"},
      {settings(4, 16), "groups of 16"},
      {settings(4, 16, "nvfp4"), "nvfp4"},
      {settings(8, 32, "mxfp8"), "mxfp8"},
      {settings(4, 64, "mxfp4"), "groups of 64"},
      {{{"quantization_config", {{"quant_method", "gptq"}, {"bits", 4}}}}, "gptq"},
      {{{"quantization", "4bit"}}, "4bit"},
      {{{"quantization", {{"bits", "4"}}}}, "bits"},
      {{{"quantization", {{"bits", (1LL << 32) + 4}}}}, "4294967300"},
      {{{"quantization", {{"bits", 4}, {"a.b", 3}}}}, "a.b"}};
  for (const auto& [config, words] : rows) {
    try {
      Quantisation::from_json(config, "DIR/config.json");
      ADD_FAILURE() << "accepted " << dump_json(config);
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-CONFIG");
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }
}

TEST(Quantisation, AMatrixPackedOtherwiseThanSaidIsRefusedWithBothShapes) {
  test::TemporaryFolder folder;
  save(folder.path(), mx::quantize(matrix(), 64, 4));
  for (const Json& config : {settings(8, 64), settings(4, 32), Json::object()}) {
    try {
      read(folder.path(), config, mx::float32);
      ADD_FAILURE() << "read with " << dump_json(config);
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-WEIGHTS");
      EXPECT_NE(std::string(error.what()).find("m"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace headroom::engine
