#pragma once

#include <string>
#include <vector>

#include "engine/guard.h"
#include "engine/layers.h"
#include "engine/ops.h"
#include "engine/tap.h"

namespace headroom::engine {

/// What a vision transformer is made of: SigLIP, and in what CLIP and others differ from it.
struct VisionConfig {
  int hidden_size = 0;
  int intermediate_size = 0;
  int layers = 0;  ///< stored
  int used = 0;    ///< of them, those whose output is wanted: the rest is not read
  int heads = 0;
  int channels = 3;
  int image_size = 0;  ///< pixels of a side for which there are positions
  int patch_size = 0;
  float norm_eps = 1e-6F;
  Activation activation = Activation::kGeluTanh;
  bool class_token = false;  ///< CLIP: a token before the patches
  bool drop_class = true;    ///< it is no feature
  bool patch_bias = true;
  bool patch_matrix = false;  ///< patches' weight is stored as a matrix, and not as a convolution
  bool batch_axis = false;    ///< positions and class token are stored with a first axis of one
  bool fused_qkv = false;     ///< "qkv_proj" stands for the matrices that others store apart
  bool qkv_bias = true;
  bool rms_norm = false;     ///< a layer's norms are by mean square, without a bias
  bool qk_norm = false;      ///< queries and keys are normalised over all heads together
  bool layer_scale = false;  ///< what a half layer adds is multiplied number by number
  bool pre_norm = false;     ///< CLIP: before the first layer
  bool post_norm = true;     ///< after the last layer; false: stored perhaps, and not used
  /// Idefics: a tile of any size takes the positions of its patches' places as fractions.
  bool fractional_positions = false;

  /// Whole patches of a side; pixels beyond the last are left out.
  int grid() const { return image_size / patch_size; }

  /// Tokens of a tile of so many patches.
  int tokens(int patches) const { return patches + (class_token ? 1 : 0); }

  /// Of them, those that come out.
  int features(int patches) const { return class_token && drop_class ? patches : tokens(patches); }

  Heads shape() const;
};

/// A vision transformer. Taps: "vision.0", … after each layer.
/// Letters: N tiles, P patches a tile, E hidden.
/// Source: Transformers 5.24, models/siglip, models/clip, models/idefics3, models/internvl
/// (modeling_….py).
class VisionTower {
 public:
  /// `body`: what stands before "embeddings.…" and "encoder.layers.0.…".
  VisionTower(const VisionConfig& config, Weights& weights, Ops ops, const std::string& body);

  /// Patches in one forward pass at most (one tile at least): bounds the transient.
  static constexpr int kPatchesAtOnce = 1024;

  /// Tiles of so many patches that are in one pass.
  static int tiles_at_once(int patches);

  const VisionConfig& config() const { return config_; }

  /// pixels [N, 3, H, W] -> [N * config.features(P), E]; P = floor(H / p) floor(W / p).
  mx::array encode(mx::array&& pixels, const Guard& guard, const Tap& tap) const;

 private:
  struct QkNorm {
    mx::array queries;  // [E]
    mx::array keys;
  };

  struct LayerScale {
    mx::array attention;  // [E]
    mx::array mlp;
  };

  struct Layer {
    Norm norm1;
    Linear qkv;  // [3E, E]
    std::optional<QkNorm> qk_norm;
    Linear out;
    Norm norm2;
    Linear fc1;
    Linear fc2;
    std::optional<LayerScale> scale;
  };

  static Linear take_qkv(Weights& weights,
                         const VisionConfig& config,
                         const std::string& attention);
  static Layer take_layer(Weights& weights, const VisionConfig& config, const std::string& name);
  mx::array qkv_of(const mx::array& h, const Layer& layer) const;
  mx::array added(const mx::array& h,
                  const Linear& linear,
                  const mx::array* scale,
                  mx::array&& residual) const;
  mx::array embed(mx::array&& pixels) const;
  mx::array positions(int rows, int cols) const;

  VisionConfig config_;
  Ops ops_;
  mx::array patch_weight_;  // [E, 3, p, p] or [E, 3 p p]
  std::optional<mx::array> patch_bias_;
  std::optional<mx::array> class_token_;  // [E]
  mx::array positions_;                   // [tokens(grid^2), E]
  std::optional<LayerNorm> pre_norm_;
  std::vector<Layer> layers_;
  std::optional<LayerNorm> post_norm_;
};

}  // namespace headroom::engine
