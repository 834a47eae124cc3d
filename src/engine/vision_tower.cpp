#include "engine/vision_tower.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/errors.h"

namespace headroom::engine {
namespace {

/// The place among `side` trained positions of patch `index` of `count`, through float32 fractions
/// as the reference computes it. With count == side it is the index itself for most counts; for
/// some (25, 29) a few indices have the place before.
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

/// [n, E], stored with a first axis of one where the configuration says so.
mx::array take_rows(Weights& weights,
                    const VisionConfig& config,
                    const std::string& name,
                    int rows) {
  const int width = config.hidden_size;
  if (!config.batch_axis) {
    return weights.take(name, {rows, width});
  }
  return mx::reshape(weights.take(name, {1, rows, width}), {rows, width});
}

mx::array take_patches(Weights& weights, const VisionConfig& config, const std::string& name) {
  const int side = config.patch_size;
  const int numbers = config.channels * side * side;
  return config.patch_matrix
             ? weights.take(name, {config.hidden_size, numbers})
             : weights.take_convolution(name, {config.hidden_size, config.channels, side, side});
}

/// [1, n, E] for each of the tiles: [tiles, n, E].
mx::array repeated(const mx::array& x, int tiles) {
  return mx::broadcast_to(x, {tiles, x.shape(1), x.shape(2)});
}

}  // namespace

Heads VisionConfig::shape() const {
  const int dim = hidden_size / heads;
  return {heads, heads, dim, 1.0F / std::sqrt(static_cast<float>(dim))};
}

int VisionTower::tiles_at_once(int patches) {
  return std::max(1, kPatchesAtOnce / std::max(1, patches));
}

Linear VisionTower::take_qkv(Weights& weights,
                             const VisionConfig& config,
                             const std::string& attention) {
  const int width = config.hidden_size;
  if (config.fused_qkv) {
    return take_linear(weights, attention + "qkv_proj", 3 * width, width, config.qkv_bias);
  }
  const std::array<int, 3> rows{width, width, width};
  const std::array<std::string, 3> names{
      attention + "q_proj", attention + "k_proj", attention + "v_proj"};
  return take_stacked(weights, names, rows, width, config.qkv_bias);
}

VisionTower::Layer VisionTower::take_layer(Weights& weights,
                                           const VisionConfig& config,
                                           const std::string& name) {
  const std::string attention = name + "self_attn.";
  const int width = config.hidden_size;
  Layer layer{take_norm(weights, name + "layer_norm1", width, !config.rms_norm),
              take_qkv(weights, config, attention),
              std::nullopt,
              take_linear(weights, attention + "out_proj", width, width),
              take_norm(weights, name + "layer_norm2", width, !config.rms_norm),
              take_linear(weights, name + "mlp.fc1", config.intermediate_size, width),
              take_linear(weights, name + "mlp.fc2", width, config.intermediate_size),
              std::nullopt};
  if (config.qk_norm) {
    layer.qk_norm = QkNorm{weights.take(attention + "q_norm.weight", {width}),
                           weights.take(attention + "k_norm.weight", {width})};
  }
  if (config.layer_scale) {
    layer.scale = LayerScale{weights.take(name + "layer_scale1", {width}),
                             weights.take(name + "layer_scale2", {width})};
  }
  return layer;
}

VisionTower::VisionTower(const VisionConfig& config,
                         Weights& weights,
                         Ops ops,
                         const std::string& body)
    : config_(config),
      ops_(ops),
      patch_weight_(take_patches(weights, config_, body + "embeddings.patch_embedding.weight")),
      positions_(take_rows(weights,
                           config_,
                           body + "embeddings.position_embedding.weight",
                           config_.tokens(config_.grid() * config_.grid()))) {
  const int width = config_.hidden_size;
  if (config_.patch_bias) {
    patch_bias_ = weights.take(body + "embeddings.patch_embedding.bias", {width});
  }
  if (config_.class_token) {
    const std::string name = body + "embeddings.class_embedding";
    class_token_ =
        config_.batch_axis ? take_rows(weights, config_, name, 1) : weights.take(name, {width});
  }
  if (config_.pre_norm) {  // spelt so where it was published
    pre_norm_ = take_layer_norm(weights, body + "pre_layrnorm", width);
  }
  for (int i = 0; i < config_.layers; ++i) {
    const std::string name = fmt::format("{}encoder.layers.{}.", body, i);
    if (i < config_.used) {
      layers_.push_back(take_layer(weights, config_, name));
    } else {
      weights.leave_out(name);
    }
  }
  if (config_.post_norm) {
    post_norm_ = take_layer_norm(weights, body + "post_layernorm", width);
  } else {
    weights.leave_out(body + "post_layernorm.");
  }
}

/// Of the patches of a tile, the class token's not among them: [1, P, E].
mx::array VisionTower::positions(int rows, int cols) const {
  const int side = config_.grid();
  if (!config_.fractional_positions && (rows != side || cols != side)) {
    throw UsageError("E-CONFIG",
                     fmt::format("vision tower: a tile has {} x {} patches, and there are "
                                 "positions for {} x {}",
                                 cols,
                                 rows,
                                 side,
                                 side));
  }
  const int first = config_.tokens(0);
  std::vector<int> ids;
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < cols; ++x) {
      ids.push_back(first + bucket(y, rows, side) * side + bucket(x, cols, side));
    }
  }
  const int count = static_cast<int>(ids.size());
  const mx::array chosen = mx::take(positions_, mx::array(ids.data(), {count}, mx::int32), 0);
  return mx::reshape(chosen, {1, count, config_.hidden_size});
}

/// [N, 3, H, W] -> [N * tokens(P), E]. A convolution whose stride is its size is a product over
/// patches.
mx::array VisionTower::embed(mx::array&& pixels) const {
  const int tiles = pixels.shape(0);
  const int side = config_.patch_size;
  const int rows = pixels.shape(2) / side;
  const int cols = pixels.shape(3) / side;
  const int patches = rows * cols;
  const int channels = config_.channels;
  const int width = config_.hidden_size;
  const bool whole = rows * side == pixels.shape(2) && cols * side == pixels.shape(3);
  mx::array x = std::move(pixels);
  if (!whole) {
    x = mx::slice(x, {0, 0, 0, 0}, {tiles, channels, rows * side, cols * side});
  }
  x = mx::reshape(x, {tiles, channels, rows, side, cols, side});
  x = mx::transpose(x, {0, 2, 4, 1, 3, 5});
  x = mx::reshape(x, {tiles * patches, channels * side * side});
  x = mx::astype(x, patch_weight_.dtype());
  mx::array position = positions(rows, cols);
  if (tiles > 1) {
    position = mx::contiguous(repeated(position, tiles));
  }
  position = mx::reshape(position, {tiles * patches, width});
  const mx::array weight = mx::reshape(patch_weight_, {width, -1});
  x = ops_.linear(x, weight, patch_bias_, position);
  if (!class_token_) {
    return x;
  }
  const mx::array first =
      mx::add(mx::reshape(*class_token_, {1, 1, width}),
              mx::reshape(mx::slice(positions_, {0, 0}, {1, width}), {1, 1, width}));
  x = mx::concatenate({repeated(first, tiles), mx::reshape(x, {tiles, patches, width})}, 1);
  return mx::reshape(x, {tiles * config_.tokens(patches), width});
}

mx::array VisionTower::qkv_of(const mx::array& h, const Layer& layer) const {
  mx::array qkv = ops_.linear(h, layer.qkv.weight, layer.qkv.bias);
  if (!layer.qk_norm) {
    return qkv;
  }
  const Heads whole{1, 1, config_.hidden_size};
  return ops_.head_norms(qkv, whole, layer.qk_norm->queries, layer.qk_norm->keys, config_.norm_eps);
}

/// residual + scale * linear(h). Consumes the residual.
mx::array VisionTower::added(const mx::array& h,
                             const Linear& linear,
                             const mx::array* scale,
                             mx::array&& residual) const {
  if (scale == nullptr) {
    return ops_.linear(h, linear.weight, linear.bias, std::move(residual));
  }
  const mx::array y = ops_.linear(h, linear.weight, linear.bias);
  return mx::add(residual, mx::multiply(y, *scale));
}

mx::array VisionTower::encode(mx::array&& pixels, const Guard& guard, const Tap& tap) const {
  const int tiles = pixels.shape(0);
  const int patches =
      (pixels.shape(2) / config_.patch_size) * (pixels.shape(3) / config_.patch_size);
  const int tokens = config_.tokens(patches);
  mx::array x = guard.watch(embed(std::move(pixels)));
  if (pre_norm_) {
    x = ops_.layer_norm(x, pre_norm_->weight, pre_norm_->bias, config_.norm_eps);
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const LayerScale* scale = layer.scale ? &*layer.scale : nullptr;
    mx::array h = ops_.tile_attention(qkv_of(normed(ops_, x, layer.norm1, config_.norm_eps), layer),
                                      config_.shape(),
                                      tiles,
                                      tokens);
    x = added(h, layer.out, scale != nullptr ? &scale->attention : nullptr, std::move(x));
    x = guard.watch(x);
    h = ops_.linear(
        normed(ops_, x, layer.norm2, config_.norm_eps), layer.fc1.weight, layer.fc1.bias);
    h = ops_.activate(std::move(h), config_.activation);
    x = added(h, layer.fc2, scale != nullptr ? &scale->mlp : nullptr, std::move(x));
    x = guard.watch(x);
    if (tap) {
      tap(fmt::format("vision.{}", i), x);
    }
  }
  if (post_norm_) {
    x = ops_.layer_norm(x, post_norm_->weight, post_norm_->bias, config_.norm_eps);
  }
  if (config_.features(patches) == tokens) {
    return x;
  }
  const int width = config_.hidden_size;
  x = mx::slice(mx::reshape(x, {tiles, tokens, width}), {0, 1, 0}, {tiles, tokens, width});
  return mx::reshape(x, {tiles * patches, width});
}

}  // namespace headroom::engine
