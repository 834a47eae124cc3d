#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "engine/weights.h"
#include "models/registry.h"
#include "models/smolvlm_config.h"
#include "models/smolvlm_processor.h"

namespace headroom::models {

/// A matrix with its bias, where it has one. Shapes: weight [out, in], bias [out].
struct Linear {
  mx::array weight;
  std::optional<mx::array> bias;
};

struct LayerNorm {
  mx::array weight;
  mx::array bias;
};

struct VisionLayer {
  LayerNorm norm1;
  Linear qkv;  // [3E, E]
  Linear out;
  LayerNorm norm2;
  Linear fc1;
  Linear fc2;
};

/// The vision tower and the connector to the decoder.
/// Letters: N tiles, P patches a tile, E hidden, s scale factor.
class SmolVlmVision {
 public:
  SmolVlmVision(const SmolVlmConfig& config, engine::Weights& weights, engine::Ops ops);

  /// Patches in one forward pass at most (one tile at least): bounds the transient.
  static constexpr int kPatchesAtOnce = 1024;

  /// pixels [N, 3, H, W] -> [N * P / s^2, text E].
  mx::array encode(mx::array&& pixels, const engine::Guard& guard, const Tap& tap) const;

 private:
  mx::array embed(mx::array&& pixels) const;
  mx::array connect(const mx::array& x, int tiles, int rows, int cols) const;
  mx::array position_ids(int rows, int cols) const;

  SmolVlmVisionConfig config_;
  int scale_;
  engine::Ops ops_;
  mx::array patch_weight_;  // [E, 3, p, p]
  mx::array patch_bias_;
  mx::array positions_;  // [grid^2, E]
  std::vector<VisionLayer> layers_;
  LayerNorm post_norm_;
  mx::array connector_;  // [text E, E s^2]
};

struct TextLayer {
  mx::array norm1;
  Linear qkv;  // [(H + 2 Hkv) D, E]
  Linear out;
  mx::array norm2;
  Linear gate_up;  // [2I, E]
  Linear down;
};

/// The decoder.
class SmolVlmText {
 public:
  SmolVlmText(const SmolVlmConfig& config, engine::Weights& weights, engine::Ops ops);

  const mx::array& embeddings() const { return embeddings_; }

  mx::array forward(mx::array&& x,
                    const std::shared_ptr<const engine::Pass>& pass,
                    engine::KvCache& cache,
                    const std::vector<int>& wanted,
                    const engine::Guard& guard,
                    const Tap& tap) const;
  mx::array logits(const mx::array& hidden) const;

 private:
  SmolVlmTextConfig config_;
  engine::Ops ops_;
  engine::Rope rope_;
  mx::array embeddings_;  // [V, E]
  std::vector<TextLayer> layers_;
  mx::array norm_;
  mx::array head_;  // [V, E]; the embeddings where they are shared
};

/// The name that this family uses for a published one: the same, but buffers that old exports
/// stored beside the weights are left out.
std::optional<std::string> smolvlm_name(const std::string& published);

/// The processor's settings, or nothing where a folder has none.
std::optional<SmolVlmProcessorConfig> load_smolvlm_processor(const std::filesystem::path& folder);

/// SmolVLM and Idefics3.
class SmolVlm final : public VisionLanguageModel {
 public:
  SmolVlm(SmolVlmConfig config,
          std::shared_ptr<const PictureProcessor> processor,
          const engine::Checkpoint& checkpoint,
          engine::Weights& weights,
          engine::Ops::Path path,
          std::vector<std::string> notices);

  engine::KvShape kv_shape() const override;

  int context_tokens() const override { return config_.text.context; }

  bool in_place_cache() const override { return ops_.kernels(); }

  mx::array embed(std::span<const engine::PromptToken> tokens,
                  const mx::array* features) const override;
  mx::array forward(mx::array&& x,
                    const std::shared_ptr<const engine::Pass>& pass,
                    engine::KvCache& cache,
                    const std::vector<int>& wanted,
                    const engine::Guard& guard) const override;
  mx::array logits(const mx::array& hidden) const override;

  const std::string& family() const override { return config_.model_type; }

  Bytes weight_bytes() const override { return bytes_; }

  Bytes vision_bytes() const override { return vision_bytes_; }

  std::uint64_t parameters() const override { return parameters_; }

  mx::Dtype dtype() const override { return dtype_; }

  std::int32_t image_token() const override { return config_.image_token; }

  std::int32_t vocabulary() const override { return config_.text.vocabulary; }

  const std::vector<std::string>& notices() const override { return notices_; }

  std::shared_ptr<const PictureProcessor> processor() const override { return processor_; }

  void release_vision() override { vision_.reset(); }

  void hold_vision() override;

  mx::array encode(std::span<const PreparedPicture* const> pictures,
                   const engine::Guard& guard) const override;
  mx::array encode_pixels(const mx::array& pixels, const engine::Guard& guard) const override;

 private:
  void encode_tiles(const float* pixels,
                    const mx::Shape& shape,
                    const engine::Guard& guard,
                    std::vector<mx::array>& parts) const;

  SmolVlmConfig config_;
  std::shared_ptr<const PictureProcessor> processor_;
  engine::Checkpoint checkpoint_;  // where a released vision tower is read again
  mx::Dtype dtype_;
  engine::Ops ops_;
  std::optional<SmolVlmVision> vision_;  // empty: released
  Bytes vision_bytes_;
  SmolVlmText text_;
  Bytes bytes_;
  std::uint64_t parameters_ = 0;
  std::vector<std::string> notices_;
};

}  // namespace headroom::models
