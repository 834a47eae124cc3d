#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/registry.h"

namespace headroom::models {

/// A model of any family: a decoder, a vision half that can be released and read again, and what
/// the family's architecture says of both.
class FamilyModel final : public VisionLanguageModel {
 public:
  /// Takes all tensors.
  /// Throws: as Weights::finish.
  FamilyModel(const ModelFolder& folder,
              const Family& family,
              std::shared_ptr<const Architecture> architecture,
              engine::Weights& weights,
              engine::Ops::Path path,
              std::vector<std::string> notices);

  const engine::DecoderConfig& text() const { return text_.config(); }

  engine::KvShape kv_shape() const override;

  int context_tokens() const override { return text_.config().context; }

  bool in_place_cache() const override { return ops_.kernels(); }

  mx::array embed(std::span<const engine::PromptToken> tokens,
                  const mx::array* features) const override;
  mx::array forward(mx::array&& x,
                    const std::shared_ptr<const engine::Pass>& pass,
                    engine::KvCache& cache,
                    const std::vector<int>& wanted,
                    const engine::Guard& guard) const override;

  mx::array logits(const mx::array& hidden) const override { return text_.logits(hidden); }

  const std::string& family() const override { return family_; }

  Bytes weight_bytes() const override { return bytes_; }

  Bytes vision_bytes() const override { return vision_bytes_; }

  std::uint64_t parameters() const override { return parameters_; }

  mx::Dtype dtype() const override { return dtype_; }

  std::int32_t image_token() const override { return architecture_->image_token(); }

  std::int32_t vocabulary() const override { return text_.config().vocabulary; }

  bool needs_picture() const override { return architecture_->needs_picture(); }

  const std::vector<std::string>& notices() const override { return notices_; }

  std::shared_ptr<const PictureProcessor> processor() const override {
    return architecture_->processor();
  }

  void place(std::vector<engine::PromptToken>& prompt,
             std::span<const PreparedPicture* const> pictures) const override {
    architecture_->place(prompt, pictures);
  }

  void release_vision() override { vision_.reset(); }

  void hold_vision() override;
  mx::array encode(std::span<const PreparedPicture* const> pictures,
                   const engine::Guard& guard) const override;

  std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const override {
    return architecture_->reference_pictures(inputs);
  }

  std::vector<std::int32_t> reference_ids(
      std::vector<std::int32_t> ids,
      std::span<const PreparedPicture* const> pictures) const override {
    return architecture_->reference_ids(std::move(ids), pictures);
  }

 private:
  std::string family_;
  engine::Weights::Rename rename_;
  std::shared_ptr<const Architecture> architecture_;
  engine::Checkpoint checkpoint_;  // where a released vision half is read again
  engine::Quantisation quantisation_;
  mx::Dtype dtype_;
  engine::Ops ops_;
  std::unique_ptr<VisionEncoder> vision_;  // null: released
  Bytes vision_bytes_;
  engine::Decoder text_;
  Bytes bytes_;
  std::uint64_t parameters_ = 0;
  std::vector<std::string> notices_;
};

/// How a folder's weights are packed, as its config.json says.
engine::Quantisation quantisation_of(const ModelFolder& folder);

}  // namespace headroom::models
