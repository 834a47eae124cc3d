#include "family_model.h"

#include <fmt/format.h>

#include <utility>

#include "base/errors.h"
#include "engine/counters.h"
#include "engine/evaluate.h"
#include "models/prompt.h"

namespace headroom::models {
namespace {

/// Rows of the embedding with the first columns of the chosen features in their places.
mx::array with_features(const mx::array& x,
                        const mx::array& features,
                        const std::vector<int>& places,
                        const std::vector<int>& rows) {
  const int images = static_cast<int>(places.size());
  const int width = x.shape(1);
  mx::array chosen = mx::take(features, mx::array(rows.data(), {images}, mx::int32), 0);
  if (chosen.shape(1) > width) {  // further sets, for the decoder's layers
    chosen = mx::slice(chosen, {0, 0}, {images, width});
  }
  return mx::scatter(
      x, mx::array(places.data(), {images}, mx::int32), mx::reshape(chosen, {images, 1, width}), 0);
}

}  // namespace

engine::Quantisation quantisation_of(const ModelFolder& folder) {
  return engine::Quantisation::from_json(folder.config, folder.config_path());
}

FamilyModel::FamilyModel(const ModelFolder& folder,
                         const Family& family,
                         std::shared_ptr<const Architecture> architecture,
                         engine::Weights& weights,
                         engine::Ops::Path path,
                         std::vector<std::string> notices)
    : family_(family.model_type),
      rename_(family.rename),
      architecture_(std::move(architecture)),
      checkpoint_(folder.checkpoint),
      quantisation_(quantisation_of(folder)),
      dtype_(weights.dtype()),
      ops_(weights.dtype(), path),
      vision_(architecture_->make_vision(weights, ops_)),
      vision_bytes_(weights.bytes()),
      text_(architecture_->text(), weights, ops_, architecture_->text_names()),
      bytes_(weights.bytes()),
      parameters_(weights.parameters()),
      notices_(std::move(notices)) {
  weights.finish();
}

engine::KvShape FamilyModel::kv_shape() const {
  const engine::DecoderConfig& text = text_.config();
  return {text.layers, text.kv_heads, text.head_dim, dtype_};
}

mx::array FamilyModel::embed(std::span<const engine::PromptToken> tokens,
                             const mx::array* features) const {
  check_tokens(tokens, vocabulary());
  std::vector<int> ids;
  std::vector<int> places;  // packed index of each image token
  std::vector<int> rows;    // its row of the features
  ids.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ids.push_back(tokens[i].feature >= 0 ? 0 : tokens[i].id);
    if (tokens[i].feature >= 0) {
      places.push_back(static_cast<int>(i));
      rows.push_back(tokens[i].feature);
    }
  }
  mx::array x = text_.embed(ids);
  if (places.empty()) {
    return x;
  }
  if (features == nullptr) {
    throw InternalError("embed: image tokens without features");
  }
  return with_features(x, *features, places, rows);
}

mx::array FamilyModel::forward(mx::array&& x,
                               const std::shared_ptr<const engine::Pass>& pass,
                               engine::KvCache& cache,
                               const std::vector<int>& wanted,
                               const engine::Guard& guard) const {
  return text_.forward(std::move(x), pass, cache, wanted, guard, tap);
}

void FamilyModel::hold_vision() {
  if (vision_) {
    return;
  }
  checkpoint_.require_unchanged();
  engine::clear_cache();  // buffers that are used again may be larger than the weights in them
  engine::Weights weights(
      checkpoint_, dtype_, engine::Weights::Mode::kRead, rename_, quantisation_);
  vision_ = architecture_->make_vision(weights, ops_);
}

mx::array FamilyModel::encode(std::span<const PreparedPicture* const> pictures,
                              const engine::Guard& guard) const {
  if (!vision_) {
    throw InternalError("encode: the vision tower is released; hold_vision reads it again");
  }
  std::vector<mx::array> parts;
  for (const PreparedPicture* picture : pictures) {
    parts.push_back(vision_->encode(*picture, guard, tap));
  }
  return parts.size() == 1 ? parts.front() : mx::concatenate(std::move(parts), 0);
}

}  // namespace headroom::models
