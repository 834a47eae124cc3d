// The vision tower and connector of SmolVLM and Idefics3.
// Source: Transformers 5.24, models/smolvlm/modeling_smolvlm.py.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/errors.h"
#include "smolvlm_model.h"

namespace headroom::models {
namespace {

const std::string kPrefix = "model.vision_model.";

LayerNorm take_norm(engine::Weights& weights, const std::string& name, int width) {
  return {weights.take(name + ".weight", {width}), weights.take(name + ".bias", {width})};
}

Linear take_linear(engine::Weights& weights, const std::string& name, int out, int in) {
  return {weights.take(name + ".weight", {out, in}), weights.take(name + ".bias", {out})};
}

VisionLayer take_layer(engine::Weights& weights, const SmolVlmVisionConfig& config, int index) {
  const std::string name = fmt::format("{}encoder.layers.{}.", kPrefix, index);
  const std::string attention = name + "self_attn.";
  const int width = config.hidden_size;
  const std::array<int, 3> rows{width, width, width};
  const auto parts = [&](const char* kind) {
    return std::array<std::string, 3>{
        attention + "q_proj." + kind, attention + "k_proj." + kind, attention + "v_proj." + kind};
  };
  return {take_norm(weights, name + "layer_norm1", width),
          {weights.take_stacked(parts("weight"), rows, width),
           weights.take_stacked(parts("bias"), rows, 0)},
          take_linear(weights, attention + "out_proj", width, width),
          take_norm(weights, name + "layer_norm2", width),
          take_linear(weights, name + "mlp.fc1", config.intermediate_size, width),
          take_linear(weights, name + "mlp.fc2", width, config.intermediate_size)};
}

/// The place among `side` trained positions of patch `index` of `count`, through float32 fractions
/// as the reference computes it. With count == side it is the index itself.
int bucket(int index, int count, int side) {
  const float step = 1.0F / static_cast<float>(count);
  const float fraction = std::min(static_cast<float>(index) * step, 1.0F - 1e-6F);
  const double boundary_step = 1.0 / side;
  int place = 0;
  for (int i = 0; i < side - 1; ++i) {
    if (static_cast<float>(boundary_step + boundary_step * i) <= fraction) {
      place = i + 1;
    }
  }
  return place;
}

}  // namespace

SmolVlmVision::SmolVlmVision(const SmolVlmConfig& config, engine::Weights& weights, engine::Ops ops)
    : config_(config.vision),
      scale_(config.scale_factor),
      ops_(ops),
      patch_weight_(weights.take(
          kPrefix + "embeddings.patch_embedding.weight",
          {config_.hidden_size, config_.channels, config_.patch_size, config_.patch_size})),
      patch_bias_(weights.take(kPrefix + "embeddings.patch_embedding.bias", {config_.hidden_size})),
      positions_(weights.take(kPrefix + "embeddings.position_embedding.weight",
                              {config_.grid() * config_.grid(), config_.hidden_size})),
      post_norm_(take_norm(weights, kPrefix + "post_layernorm", config_.hidden_size)),
      connector_(weights.take("model.connector.modality_projection.proj.weight",
                              {config.text.hidden_size, config_.hidden_size * scale_ * scale_})) {
  for (int i = 0; i < config_.layers; ++i) {
    layers_.push_back(take_layer(weights, config_, i));
  }
}

mx::array SmolVlmVision::position_ids(int rows, int cols) const {
  std::vector<int> ids;
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < cols; ++x) {
      ids.push_back(bucket(y, rows, config_.grid()) * config_.grid() +
                    bucket(x, cols, config_.grid()));
    }
  }
  return mx::array(ids.data(), {static_cast<int>(ids.size())}, mx::int32);
}

/// [N, 3, H, W] -> [N * P, E]. A convolution whose stride is its size is a product over patches.
mx::array SmolVlmVision::embed(mx::array&& pixels) const {
  const int tiles = pixels.shape(0);
  const int side = config_.patch_size;
  const int rows = pixels.shape(2) / side;
  const int cols = pixels.shape(3) / side;
  const int channels = config_.channels;
  const int height = pixels.shape(2);
  const int width = pixels.shape(3);
  mx::array x = std::move(pixels);
  if (rows * side != height || cols * side != width) {
    x = mx::slice(x, {0, 0, 0, 0}, {tiles, channels, rows * side, cols * side});
  }
  x = mx::reshape(x, {tiles, channels, rows, side, cols, side});
  x = mx::transpose(x, {0, 2, 4, 1, 3, 5});
  x = mx::reshape(x, {tiles * rows * cols, channels * side * side});
  x = mx::astype(x, patch_weight_.dtype());
  mx::array position = mx::take(positions_, position_ids(rows, cols), 0);
  if (tiles > 1) {
    position =
        mx::reshape(mx::contiguous(mx::broadcast_to(mx::reshape(position, {1, rows * cols, -1}),
                                                    {tiles, rows * cols, config_.hidden_size})),
                    {tiles * rows * cols, config_.hidden_size});
  }
  const mx::array weight = mx::reshape(patch_weight_, {config_.hidden_size, -1});
  return ops_.linear(x, weight, patch_bias_, position);
}

/// Pixel shuffle, then the projection: [N * P, E] -> [N * P / s^2, text E].
mx::array SmolVlmVision::connect(const mx::array& x, int tiles, int rows, int cols) const {
  const int width = config_.hidden_size;
  mx::array y = mx::reshape(x, {tiles, rows / scale_, scale_, cols / scale_, scale_ * width});
  y = mx::transpose(y, {0, 1, 3, 2, 4});  // [N, h/s, w/s, s, s E]
  y = mx::reshape(y, {tiles * (rows / scale_) * (cols / scale_), scale_ * scale_ * width});
  return ops_.linear(y, connector_);
}

mx::array SmolVlmVision::encode(mx::array&& pixels,
                                const engine::Guard& guard,
                                const Tap& tap) const {
  const int tiles = pixels.shape(0);
  const int rows = pixels.shape(2) / config_.patch_size;
  const int cols = pixels.shape(3) / config_.patch_size;
  if (rows % scale_ != 0 || cols % scale_ != 0 || rows == 0 || cols == 0) {
    throw UsageError(
        "E-CONFIG",
        fmt::format("vision tower: tiles of {} x {} pixels make {} x {} patches, which "
                    "the scale factor {} does not divide",
                    pixels.shape(3),
                    pixels.shape(2),
                    cols,
                    rows,
                    scale_));
  }
  const engine::Heads heads{
      config_.heads,
      config_.heads,
      config_.hidden_size / config_.heads,
      1.0F / std::sqrt(static_cast<float>(config_.hidden_size / config_.heads))};
  mx::array x = guard.watch(embed(std::move(pixels)));
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const VisionLayer& layer = layers_[i];
    mx::array h = ops_.layer_norm(x, layer.norm1.weight, layer.norm1.bias, config_.norm_eps);
    mx::array qkv = ops_.linear(h, layer.qkv.weight, layer.qkv.bias);
    h = ops_.tile_attention(std::move(qkv), heads, tiles, rows * cols);
    x = ops_.linear(h, layer.out.weight, layer.out.bias, std::move(x));
    x = guard.watch(x);
    h = ops_.layer_norm(x, layer.norm2.weight, layer.norm2.bias, config_.norm_eps);
    h = ops_.gelu_tanh(ops_.linear(h, layer.fc1.weight, layer.fc1.bias));
    x = ops_.linear(h, layer.fc2.weight, layer.fc2.bias, std::move(x));
    x = guard.watch(x);
    if (tap) {
      tap(fmt::format("vision.{}", i), x);
    }
  }
  x = ops_.layer_norm(x, post_norm_.weight, post_norm_.bias, config_.norm_eps);
  x = connect(x, tiles, rows, cols);
  if (tap) {
    tap("connector", x);
  }
  return x;
}

}  // namespace headroom::models
