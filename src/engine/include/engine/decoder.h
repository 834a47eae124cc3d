#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/guard.h"
#include "engine/kv_cache.h"
#include "engine/layers.h"
#include "engine/ops.h"
#include "engine/tap.h"

namespace headroom::engine {

/// What a decoder is made of: Llama, and in what others differ from it. What a further one needs is
/// a field here, read in models/text_config.cpp and used in decoder.cpp.
struct DecoderConfig {
  int hidden_size = 0;
  int intermediate_size = 0;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int vocabulary = 0;
  int context = 2048;
  float norm_eps = 1e-6F;
  RopeConfig rope;
  Activation activation = Activation::kSilu;  ///< of the gate
  bool qkv_bias = false;
  bool out_bias = false;
  bool mlp_bias = false;
  bool layer_norm = false;  ///< norms by mean and variance, with a bias
  bool parallel = false;    ///< the MLP sees what attention sees: a layer has one norm
  bool gated = true;        ///< false: an MLP of two matrices with the activation between them
  bool head_bias = false;
  float attention_scale = 0.0F;  ///< of the scores; 0: one over the root of head_dim
  float attention_cap = 0.0F;    ///< Heads::cap
  float embedding_scale = 1.0F;  ///< of the tokens' rows, not of features
  bool norms_less_one = false;   ///< Gemma: stored are the norms' weights less one
  bool norms_behind = false;     ///< Gemma 2: what a layer's halves add is normalised before it is
  Reach reach;                   ///< of the layers in `windowed`; the others see everything
  bool blocks = false;           ///< some of a prompt's tokens see later ones
  std::vector<bool> windowed;    ///< by layer; empty: none
  std::optional<RopeConfig> window_rope;  ///< of those layers, where it is not `rope`
  bool head_norms = false;                ///< Qwen3: queries and keys are normalised head by head
  bool tied_head = false;  ///< what the flag says; a stored head is used whatever it says

  Heads shape() const;

  /// Of layer `index`.
  Reach reach_of(int index) const {
    return windowed.empty() || !windowed[static_cast<std::size_t>(index)] ? Reach() : reach;
  }
};

/// Under which names a decoder's weights are taken.
struct DecoderNames {
  std::string body = "model.language_model.";  ///< before "layers.0…", "embed_tokens.weight", …
  std::string head = "lm_head.weight";
  std::string head_bias = "lm_head.bias";
  /// Phi-3: "qkv_proj" and "gate_up_proj" stand for the matrices that others store apart.
  bool fused = false;
};

/// A decoder over packed tokens (pass.h). Taps: "text.0", … after each layer.
/// Source: Transformers 5.24, models/llama/modeling_llama.py; mistral, qwen2, qwen3, phi3, gemma,
/// gemma2, gemma3; parallel layers: vikhyat/moondream, moondream/torch/text.py.
class Decoder {
 public:
  Decoder(const DecoderConfig& config, Weights& weights, Ops ops, const DecoderNames& names);

  const DecoderConfig& config() const { return config_; }

  /// The rows of the tokens: [T, E].
  mx::array embed(const std::vector<int>& ids) const;
  /// As LanguageModel::forward.
  mx::array forward(mx::array&& x,
                    const std::shared_ptr<const Pass>& pass,
                    KvCache& cache,
                    const std::vector<int>& wanted,
                    const Guard& guard,
                    const Tap& tap) const;
  /// [n, E] -> float32 [n, V].
  mx::array logits(const mx::array& hidden) const;

 private:
  struct HeadNorms {
    mx::array queries;  // [D]
    mx::array keys;
  };

  struct Layer {
    Norm norm1;
    Linear qkv;  // [(H + 2 Hkv) D, E]
    std::optional<HeadNorms> head_norms;
    Linear out;
    std::optional<mx::array> norm1_behind;
    std::optional<Norm> norm2;  // none where attention and MLP are parallel
    Linear gate_up;             // [2I, E]; [I, E] where no gates are
    Linear down;
    std::optional<mx::array> norm2_behind;
  };

  static Layer take_layer(Weights& weights,
                          const DecoderConfig& config,
                          bool fused,
                          const std::string& name);
  mx::array attend(const mx::array& h,
                   const Layer& layer,
                   int index,
                   const std::shared_ptr<const Pass>& pass,
                   KvCache& cache) const;
  mx::array mlp(const mx::array& h, mx::array&& residual, const Layer& layer) const;
  mx::array add_half(mx::array&& x,
                     const mx::array& h,
                     const Linear& linear,
                     const std::optional<mx::array>& norm) const;

  DecoderConfig config_;
  Ops ops_;
  Rope rope_;
  Rope window_rope_;
  mx::array embeddings_;  // [V, E]
  std::vector<Layer> layers_;
  Norm norm_;
  mx::array head_;  // [V, E]; the embeddings where they are shared
  std::optional<mx::array> head_bias_;
};

}  // namespace headroom::engine
