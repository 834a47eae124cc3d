#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/guard.h"
#include "engine/layers.h"
#include "engine/ops.h"
#include "engine/tap.h"
#include "models/architecture.h"
#include "models/qwen_vl_config.h"

namespace headroom::models {

/// A picture as patches on the host, in the order of the squares that become one feature.
/// `frames`: how often each channel of a patch is there; 1: once for all frames.
struct QwenPatches {
  const float* data = nullptr;  // [rows * cols, channels, frames, patch_size, patch_size]
  int rows = 0;
  int cols = 0;
  int frames = 1;

  int count() const { return rows * cols; }
};

/// So many windows of equally many patches, one behind the other.
struct WindowRun {
  int windows = 0;
  int patches = 0;

  bool operator==(const WindowRun&) const = default;
};

/// How a grid of features is put in order for attention in windows: whole windows, then the narrow
/// ones of the right edge, the low ones of the bottom edge, and the corner.
struct WindowOrder {
  std::vector<int> features;  ///< row-major places of the grid, in the order of the windows
  std::vector<WindowRun> runs;
};

/// `side`: features of a window's side. `merged`: patches of a feature.
WindowOrder window_order(int rows, int cols, int side, int merged);

/// Taps: "vision.0", … after each layer, with patches in the order in which they came; "merger".
/// Letters: N patches, E hidden, m = merge * merge.
/// Source: Transformers 5.17, models/qwen2_vl, qwen2_5_vl, qwen3_vl (modeling_….py).
class QwenTower {
 public:
  /// Takes "visual.…".
  QwenTower(const QwenVisionConfig& config, engine::Weights& weights, engine::Ops ops);

  /// -> [N / m, sets * out_size]: the features, and beside them a set for each of the deepstack
  /// layers in the order of the layers.
  mx::array encode(const QwenPatches& patches,
                   const engine::Guard& guard,
                   const engine::Tap& tap) const;

 private:
  struct Layer {
    engine::Norm norm1;
    engine::Linear qkv;  // [3E, E]
    engine::Linear out;
    engine::Norm norm2;
    engine::Linear first;  // [I, E]; gates and ups [2I, E]
    engine::Linear second;
  };

  /// Squares of patches to features.
  struct Merger {
    engine::Norm norm;  // of E, or of m E where it comes after the patches are side by side
    engine::Linear first;
    engine::Linear second;
  };

  /// What attention needs to know of one picture's grid.
  struct Layout {
    mx::array angles;  // [N, D]
    std::optional<WindowOrder> windows;
  };

  Layer take_layer(engine::Weights& weights, const std::string& name) const;
  Merger take_merger(engine::Weights& weights, const std::string& name, int norm_width) const;
  mx::array embed(const QwenPatches& patches) const;
  mx::array learned_positions(const QwenPatches& patches) const;
  Layout lay_out(const QwenPatches& patches) const;
  mx::array attend(mx::array&& qkv, const Layout& layout, bool whole) const;
  mx::array run_layer(mx::array&& x,
                      const Layer& layer,
                      const Layout& layout,
                      bool whole,
                      const engine::Guard& guard) const;
  mx::array merge(const mx::array& x, const Merger& merger) const;
  mx::array reordered(const mx::array& x, const std::vector<int>& features) const;

  QwenVisionConfig config_;
  engine::Ops ops_;
  mx::array patch_weight_;  // [E, channels, frames, p, p]
  std::optional<mx::array> patch_bias_;
  std::optional<mx::array> positions_;  // [position_side^2, E]
  std::vector<Layer> layers_;
  Merger merger_;
  std::vector<std::pair<int, Merger>> deepstack_;  // by the layer whose output is merged
};

/// Transient of the tower over a picture of so many patches.
Bytes qwen_tower_transient(const QwenVisionConfig& config,
                           const Computing& computing,
                           std::uint64_t patches);

}  // namespace headroom::models
