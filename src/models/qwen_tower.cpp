#include "models/qwen_tower.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/evaluate.h"

namespace headroom::models {
namespace {

constexpr float kNormEps = 1e-6F;

engine::Heads shape_of(const QwenVisionConfig& config) {
  const int dim = config.head_dim();
  return {config.heads, config.heads, dim, 1.0F / std::sqrt(static_cast<float>(dim))};
}

mx::array int_array(const std::vector<int>& values) {
  return mx::array(values.data(), {static_cast<int>(values.size())}, mx::int32);
}

/// Row and column of each patch, in the order in which patches stand: square by square.
std::vector<std::pair<int, int>> places(int rows, int cols, int merge) {
  std::vector<std::pair<int, int>> all;
  for (int top = 0; top < rows; top += merge) {
    for (int left = 0; left < cols; left += merge) {
      for (int i = 0; i < merge * merge; ++i) {
        all.emplace_back(top + i / merge, left + i % merge);
      }
    }
  }
  return all;
}

/// Where a patch's place falls between two of `side` trained ones.
struct Between {
  int low = 0;
  int high = 0;
  float weight = 0;  // of the high one
};

Between between(int place, int count, int side) {
  const float at = static_cast<float>(place) * static_cast<float>(side - 1) /
                   static_cast<float>(std::max(count - 1, 1));
  const int low = static_cast<int>(std::floor(at));
  return {std::min(low, side - 1), std::min(low + 1, side - 1), at - static_cast<float>(low)};
}

}  // namespace

WindowOrder window_order(int rows, int cols, int side, int merged) {
  WindowOrder order;
  const int whole_rows = rows / side * side;
  const int whole_cols = cols / side * side;
  const auto add = [&](int top, int bottom, int left, int right) {
    if (top == bottom || left == right) {
      return;
    }
    const int height = std::min(side, bottom - top);
    const int width = std::min(side, right - left);
    WindowRun run{0, height * width * merged};
    for (int y = top; y < bottom; y += height) {
      for (int x = left; x < right; x += width) {
        for (int i = 0; i < height * width; ++i) {
          order.features.push_back((y + i / width) * cols + x + i % width);
        }
        ++run.windows;
      }
    }
    order.runs.push_back(run);
  };
  add(0, whole_rows, 0, whole_cols);
  add(0, whole_rows, whole_cols, cols);
  add(whole_rows, rows, 0, whole_cols);
  add(whole_rows, rows, whole_cols, cols);
  return order;
}

QwenTower::Layer QwenTower::take_layer(engine::Weights& weights, const std::string& name) const {
  const int width = config_.hidden_size;
  const int inner = config_.intermediate_size;
  const std::array<std::string, 2> gate_up{name + "mlp.gate_proj", name + "mlp.up_proj"};
  const std::array<int, 2> rows{inner, inner};
  return {engine::take_norm(weights, name + "norm1", width, !config_.rms_norms),
          engine::take_linear(weights, name + "attn.qkv", 3 * width, width),
          engine::take_linear(weights, name + "attn.proj", width, width),
          engine::take_norm(weights, name + "norm2", width, !config_.rms_norms),
          config_.gated ? engine::take_stacked(weights, gate_up, rows, width, true)
                        : engine::take_linear(weights, name + "mlp.fc1", inner, width),
          engine::take_linear(
              weights, name + (config_.gated ? "mlp.down_proj" : "mlp.fc2"), width, inner)};
}

QwenTower::Merger QwenTower::take_merger(engine::Weights& weights,
                                         const std::string& name,
                                         int norm_width) const {
  const int inner = config_.hidden_size * config_.merged();
  return {engine::take_norm(weights, name + "norm", norm_width, !config_.rms_norms),
          engine::take_linear(weights, name + "fc1", inner, inner),
          engine::take_linear(weights, name + "fc2", config_.out_size, inner)};
}

QwenTower::QwenTower(const QwenVisionConfig& config, engine::Weights& weights, engine::Ops ops)
    : config_(config),
      ops_(ops),
      patch_weight_(weights.take_convolution("visual.patch_embed.proj.weight",
                                             {config_.hidden_size,
                                              config_.channels,
                                              config_.frames,
                                              config_.patch_size,
                                              config_.patch_size})),
      merger_(take_merger(weights, "visual.merger.", config_.hidden_size)) {
  if (config_.patch_bias) {
    patch_bias_ = weights.take("visual.patch_embed.proj.bias", {config_.hidden_size});
  }
  if (config_.position_side > 0) {
    positions_ = weights.take("visual.pos_embed.weight",
                              {config_.position_side * config_.position_side, config_.hidden_size});
  }
  for (int i = 0; i < config_.layers; ++i) {
    layers_.push_back(take_layer(weights, fmt::format("visual.blocks.{}.", i)));
  }
  for (std::size_t i = 0; i < config_.deepstack.size(); ++i) {
    deepstack_.emplace_back(config_.deepstack[i],
                            take_merger(weights,
                                        fmt::format("visual.deepstack_merger_list.{}.", i),
                                        config_.hidden_size * config_.merged()));
  }
  std::stable_sort(deepstack_.begin(), deepstack_.end(), [](const auto& a, const auto& b) {
    return a.first < b.first;
  });
}

/// The trained square of positions drawn out to the grid, corner on corner: [N, E].
mx::array QwenTower::learned_positions(const QwenPatches& patches) const {
  const int side = config_.position_side;
  std::array<std::vector<int>, 4> taps;
  std::array<std::vector<float>, 4> shares;
  for (const auto& [row, col] : places(patches.rows, patches.cols, config_.merge)) {
    const Between y = between(row, patches.rows, side);
    const Between x = between(col, patches.cols, side);
    for (std::size_t i = 0; i < taps.size(); ++i) {
      const bool down = i >= 2;
      const bool right = i % 2 == 1;
      taps[i].push_back((down ? y.high : y.low) * side + (right ? x.high : x.low));
      shares[i].push_back((down ? y.weight : 1.0F - y.weight) *
                          (right ? x.weight : 1.0F - x.weight));
    }
  }
  std::optional<mx::array> sum;
  for (std::size_t i = 0; i < taps.size(); ++i) {
    const mx::array share = mx::astype(
        mx::array(shares[i].data(), {patches.count(), 1}, mx::float32), positions_->dtype());
    const mx::array part = mx::multiply(mx::take(*positions_, int_array(taps[i]), 0), share);
    sum = sum ? mx::add(*sum, part) : part;
  }
  return *sum;
}

/// -> [N, E]. A convolution whose stride is its size is a product over patches.
mx::array QwenTower::embed(const QwenPatches& patches) const {
  const int count = patches.count();
  const int pixels = config_.patch_size * config_.patch_size;
  std::optional<mx::array> positions;
  if (positions_) {
    positions = learned_positions(patches);
    engine::evaluate(*positions);  // their taps are gone before the pixels are copied
  }
  mx::array x(patches.data, {count, config_.channels, patches.frames, pixels}, mx::float32);
  x = mx::astype(x, patch_weight_.dtype());
  x = mx::broadcast_to(x, {count, config_.channels, config_.frames, pixels});
  x = mx::reshape(x, {count, config_.channels * config_.frames * pixels});
  const mx::array weight = mx::reshape(patch_weight_, {config_.hidden_size, -1});
  return ops_.linear(x, weight, patch_bias_, positions);
}

/// Half of a head turns by the patch's row, the other half by its column.
QwenTower::Layout QwenTower::lay_out(const QwenPatches& patches) const {
  const int dim = config_.head_dim();
  const int half = dim / 2;
  std::vector<float> frequencies;
  for (int i = 0; i < half; i += 2) {
    frequencies.push_back(
        1.0F / std::pow(config_.rope_theta, static_cast<float>(i) / static_cast<float>(half)));
  }
  std::vector<float> angles;
  angles.reserve(static_cast<std::size_t>(patches.count()) * static_cast<std::size_t>(dim));
  for (const auto& [row, col] : places(patches.rows, patches.cols, config_.merge)) {
    for (float (*of)(float) :
         {+[](float a) { return std::cos(a); }, +[](float a) { return std::sin(a); }}) {
      for (const int place : {row, col}) {
        for (const float frequency : frequencies) {
          angles.push_back(of(static_cast<float>(place) * frequency));
        }
      }
    }
  }
  Layout layout{mx::array(angles.data(), {patches.count(), dim}, mx::float32), std::nullopt};
  if (config_.window > 0) {
    layout.windows = window_order(patches.rows / config_.merge,
                                  patches.cols / config_.merge,
                                  config_.window,
                                  config_.merged());
    layout.angles = reordered(layout.angles, layout.windows->features);
  }
  return layout;
}

/// The patches of the features in another order: [N, width].
mx::array QwenTower::reordered(const mx::array& x, const std::vector<int>& features) const {
  const int count = x.shape(0);
  const int width = x.shape(1);
  const mx::array squares = mx::reshape(x, {count / config_.merged(), config_.merged() * width});
  return mx::reshape(mx::take(squares, int_array(features), 0), {count, width});
}

/// [N, 3E] -> [N, E]; `whole`: every patch sees every other, whatever the windows.
mx::array QwenTower::attend(mx::array&& qkv, const Layout& layout, bool whole) const {
  const int count = qkv.shape(0);
  const engine::Heads heads = shape_of(config_);
  if (whole || !layout.windows) {
    return ops_.tile_attention(std::move(qkv), heads, 1, count, layout.angles);
  }
  std::vector<mx::array> parts;
  int from = 0;
  for (const WindowRun& run : layout.windows->runs) {
    const int to = from + run.windows * run.patches;
    const auto rows = [&](const mx::array& x) { return mx::slice(x, {from, 0}, {to, x.shape(1)}); };
    parts.push_back(
        ops_.tile_attention(rows(qkv), heads, run.windows, run.patches, rows(layout.angles)));
    from = to;
  }
  return parts.size() == 1 ? parts.front() : mx::concatenate(std::move(parts), 0);
}

mx::array QwenTower::run_layer(mx::array&& input,
                               const Layer& layer,
                               const Layout& layout,
                               bool whole,
                               const engine::Guard& guard) const {
  mx::array x = std::move(input);
  mx::array h = engine::normed(ops_, x, layer.norm1, kNormEps);
  h = attend(ops_.linear(h, layer.qkv.weight, layer.qkv.bias), layout, whole);
  x = guard.watch(ops_.linear(h, layer.out.weight, layer.out.bias, std::move(x)));
  h = ops_.linear(
      engine::normed(ops_, x, layer.norm2, kNormEps), layer.first.weight, layer.first.bias);
  h = config_.gated ? ops_.gated(h, config_.activation)
                    : ops_.activate(std::move(h), config_.activation);
  return guard.watch(ops_.linear(h, layer.second.weight, layer.second.bias, std::move(x)));
}

/// [N, E] -> [N / m, out_size].
mx::array QwenTower::merge(const mx::array& x, const Merger& merger) const {
  const int inner = config_.hidden_size * config_.merged();
  const bool after = merger.norm.weight.shape(0) == inner;
  mx::array h = after ? engine::normed(ops_, mx::reshape(x, {-1, inner}), merger.norm, kNormEps)
                      : mx::reshape(engine::normed(ops_, x, merger.norm, kNormEps), {-1, inner});
  h = ops_.activate(ops_.linear(h, merger.first.weight, merger.first.bias),
                    engine::Activation::kGelu);
  return ops_.linear(h, merger.second.weight, merger.second.bias);
}

mx::array QwenTower::encode(const QwenPatches& patches,
                            const engine::Guard& guard,
                            const engine::Tap& tap) const {
  const Layout layout = lay_out(patches);
  std::vector<int> back;  // places of the features in the order of the windows
  mx::array x = embed(patches);
  if (layout.windows) {
    x = reordered(x, layout.windows->features);
    back.resize(layout.windows->features.size());
    for (std::size_t i = 0; i < back.size(); ++i) {
      back[static_cast<std::size_t>(layout.windows->features[i])] = static_cast<int>(i);
    }
  }
  x = guard.watch(x);
  std::vector<mx::array> sets;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const int index = static_cast<int>(i);
    const bool whole = std::find(config_.full_layers.begin(), config_.full_layers.end(), index) !=
                       config_.full_layers.end();
    x = run_layer(std::move(x), layers_[i], layout, whole, guard);
    if (tap) {
      tap(fmt::format("vision.{}", i), back.empty() ? x : reordered(x, back));
    }
    for (const auto& [layer, merger] : deepstack_) {
      if (layer == index) {
        // Now, or what it is made of would be held until the last layer is done.
        const mx::array set = merge(x, merger);
        guard.foresee({x, set});
        engine::evaluate({x, set});
        sets.push_back(set);
      }
    }
  }
  mx::array features = merge(x, merger_);
  if (!back.empty()) {
    features = mx::take(features, int_array(back), 0);
  }
  if (tap) {
    tap("merger", features);
  }
  sets.insert(sets.begin(), features);
  return sets.size() == 1 ? sets.front() : mx::concatenate(std::move(sets), 1);
}

Bytes qwen_tower_transient(const QwenVisionConfig& config,
                           const Computing& computing,
                           std::uint64_t patches) {
  const auto wide = [](int size) { return static_cast<std::uint64_t>(size); };
  const bool kernels = computing.kernels;
  const std::uint64_t item = mx::size_of(computing.dtype);
  const std::uint64_t width = wide(config.hidden_size);
  const std::uint64_t inner = wide(config.intermediate_size);
  // The pixels as they are handed over, then once for each frame; before them positions' taps.
  const std::uint64_t embedding =
      std::max(wide(config.patch_numbers()) * (wide(config.frames) + 2) + 3 * width, 6 * width);
  // Queries and keys are turned in float32, which the portable path does in arrays of their own.
  const std::uint64_t turned = kernels ? 0 : item < sizeof(float) ? 10 : 6;
  const std::uint64_t attention = (7 + turned) * width;
  const std::uint64_t mlp = 3 * width + (config.gated ? 3 : kernels ? 1 : 4) * inner;
  // A square's patches side by side, before and after the first matrix.
  const std::uint64_t merger = (kernels ? 4 : 6) * width;
  std::uint64_t bytes = std::max({embedding, attention, mlp, merger}) * patches * item;
  bytes += patches * wide(config.head_dim()) * sizeof(float);  // angles
  const bool fused =
      kernels ||
      engine::fused_attention(computing.dtype, shape_of(config), static_cast<int>(patches), false);
  if (kernels) {
    bytes +=
        (std::min<std::uint64_t>(128, patches) + wide(config.head_dim())) * patches * sizeof(float);
  } else if (!fused) {
    bytes += (engine::on_gpu() ? 1 : 2) * wide(config.heads) * item * patches * patches;
  }
  // Sets of features that wait for the others, and all of them side by side.
  const std::uint64_t rows = patches / wide(config.merged());
  return Bytes(bytes + rows * wide(config.out_size) * wide(config.sets() - 1) * item);
}

}  // namespace headroom::models
