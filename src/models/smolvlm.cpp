// SmolVLM and Idefics3: one architecture under two names.
// Source: Transformers 5.24, models/smolvlm/modeling_smolvlm.py,
// models/idefics3/modeling_idefics3.py.
#include "smolvlm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/errors.h"
#include "engine/counters.h"
#include "engine/evaluate.h"
#include "models/prompt.h"
#include "smolvlm_model.h"

namespace headroom::models {
namespace {

struct SmolVlmPicture final : PreparedPicture {
  void drop_pixels() override { processed.pixels = std::vector<float>(); }

  ProcessedPicture processed;
  TilePlan plan;
};

class SmolVlmPictures final : public PictureProcessor {
 public:
  SmolVlmPictures(SmolVlmProcessorConfig config, std::uint32_t patches_merged)
      : config_(std::move(config)), merged_(patches_merged) {}

  std::unique_ptr<PreparedPicture> prepare(const images::Image& image,
                                           std::uint32_t max_tiles) const override {
    const auto config = within_tiles(config_, image.width, image.height, max_tiles);
    auto picture = std::make_unique<SmolVlmPicture>();
    picture->plan = tiles_for(image.width, image.height, config);
    picture->processed = process(image, config);
    picture->tiles = picture->processed.tiles;
    picture->whole_tiles = tiles_for(image.width, image.height, config_).tiles;
    picture->features = picture->processed.tiles * (picture->processed.tile_height / merged_) *
                        (picture->processed.tile_width / merged_);
    return picture;
  }

  std::string expand(const std::string& prompt,
                     std::span<const PreparedPicture* const> pictures) const override {
    std::vector<TilePlan> plans;
    for (const PreparedPicture* picture : pictures) {
      plans.push_back(dynamic_cast<const SmolVlmPicture&>(*picture).plan);
    }
    return expand_image_tokens(prompt, plans, config_);
  }

 private:
  SmolVlmProcessorConfig config_;
  std::uint32_t merged_;  // pixels of a side that end in one feature
};

std::shared_ptr<const PictureProcessor> make_processor(const std::filesystem::path& folder,
                                                       const SmolVlmConfig& config) {
  auto settings = load_smolvlm_processor(folder);
  if (!settings) {
    return nullptr;
  }
  return std::make_shared<SmolVlmPictures>(
      std::move(*settings),
      static_cast<std::uint32_t>(config.vision.patch_size * config.scale_factor));
}

}  // namespace

std::optional<std::string> smolvlm_name(const std::string& published) {
  if (published.ends_with(".rotary_emb.inv_freq") || published.ends_with(".position_ids")) {
    return std::nullopt;
  }
  return published;
}

std::optional<SmolVlmProcessorConfig> load_smolvlm_processor(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "preprocessor_config.json", ignored) &&
      !std::filesystem::exists(folder / "processor_config.json", ignored)) {
    return std::nullopt;
  }
  return SmolVlmProcessorConfig::load(folder);
}

SmolVlm::SmolVlm(SmolVlmConfig config,
                 std::shared_ptr<const PictureProcessor> processor,
                 const engine::Checkpoint& checkpoint,
                 engine::Weights& weights,
                 engine::Ops::Path path,
                 std::vector<std::string> notices)
    : config_(std::move(config)),
      processor_(std::move(processor)),
      checkpoint_(checkpoint),
      dtype_(weights.dtype()),
      ops_(weights.dtype(), path),
      vision_(std::in_place, config_, weights, ops_),
      vision_bytes_(weights.bytes()),
      text_(config_, weights, ops_),
      bytes_(weights.bytes()),
      parameters_(weights.parameters()),
      notices_(std::move(notices)) {
  weights.finish();
}

engine::KvShape SmolVlm::kv_shape() const {
  return {config_.text.layers, config_.text.kv_heads, config_.text.head_dim, dtype_};
}

mx::array SmolVlm::embed(std::span<const engine::PromptToken> tokens,
                         const mx::array* features) const {
  check_tokens(tokens, vocabulary());
  std::vector<int> ids;
  std::vector<int> places;  // packed index of each image token
  std::vector<int> rows;    // its row of the features
  ids.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ids.push_back(tokens[i].id);
    if (tokens[i].feature >= 0) {
      places.push_back(static_cast<int>(i));
      rows.push_back(tokens[i].feature);
    }
  }
  const int count = static_cast<int>(ids.size());
  mx::array x = mx::take(text_.embeddings(), mx::array(ids.data(), {count}, mx::int32), 0);
  if (places.empty()) {
    return x;
  }
  if (features == nullptr) {
    throw InternalError("embed: image tokens without features");
  }
  const int images = static_cast<int>(places.size());
  const mx::array chosen = mx::take(*features, mx::array(rows.data(), {images}, mx::int32), 0);
  return mx::scatter(x,
                     mx::array(places.data(), {images}, mx::int32),
                     mx::reshape(chosen, {images, 1, x.shape(1)}),
                     0);
}

mx::array SmolVlm::forward(mx::array&& x,
                           const std::shared_ptr<const engine::Pass>& pass,
                           engine::KvCache& cache,
                           const std::vector<int>& wanted,
                           const engine::Guard& guard) const {
  return text_.forward(std::move(x), pass, cache, wanted, guard, tap);
}

mx::array SmolVlm::logits(const mx::array& hidden) const { return text_.logits(hidden); }

void SmolVlm::hold_vision() {
  if (vision_) {
    return;
  }
  checkpoint_.require_unchanged();
  engine::clear_cache();  // buffers that are used again may be larger than the weights in them
  engine::Weights weights(checkpoint_, dtype_, engine::Weights::Mode::kRead, smolvlm_name);
  vision_.emplace(config_, weights, ops_);
}

mx::array SmolVlm::encode(std::span<const PreparedPicture* const> pictures,
                          const engine::Guard& guard) const {
  std::vector<mx::array> parts;
  for (const PreparedPicture* picture : pictures) {
    const auto& processed = dynamic_cast<const SmolVlmPicture&>(*picture).processed;
    encode_tiles(processed.pixels.data(),
                 {static_cast<int>(processed.tiles),
                  3,
                  static_cast<int>(processed.tile_height),
                  static_cast<int>(processed.tile_width)},
                 guard,
                 parts);
  }
  return parts.size() == 1 ? parts.front() : mx::concatenate(std::move(parts), 0);
}

mx::array SmolVlm::encode_pixels(const mx::array& pixels, const engine::Guard& guard) const {
  if (pixels.ndim() != 5 || pixels.shape(0) != 1 || pixels.shape(2) != 3) {
    throw InputError("E-PIXELS", "pixel_values: the shape [1, tiles, 3, height, width] is wanted");
  }
  engine::evaluate(pixels);
  std::vector<mx::array> parts;
  encode_tiles(
      pixels.data<float>(), {pixels.shape(1), 3, pixels.shape(3), pixels.shape(4)}, guard, parts);
  return parts.size() == 1 ? parts.front() : mx::concatenate(std::move(parts), 0);
}

/// Some tiles at a time: only theirs are copied to arrays, and only their transient is held.
void SmolVlm::encode_tiles(const float* pixels,
                           const mx::Shape& shape,
                           const engine::Guard& guard,
                           std::vector<mx::array>& parts) const {
  if (!vision_) {
    throw InternalError("encode: the vision tower is released; hold_vision reads it again");
  }
  const int tiles = shape[0];
  const auto tile_size = static_cast<std::ptrdiff_t>(shape[1]) * shape[2] * shape[3];
  const int patches =
      (shape[2] / config_.vision.patch_size) * (shape[3] / config_.vision.patch_size);
  const int at_once = std::max(1, SmolVlmVision::kPatchesAtOnce / std::max(1, patches));
  for (int from = 0; from < tiles; from += at_once) {
    const int count = std::min(tiles - from, at_once);
    parts.push_back(vision_->encode(
        mx::array(pixels + from * tile_size, {count, shape[1], shape[2], shape[3]}, mx::float32),
        guard,
        tap));
    guard.foresee({parts.back()});
    engine::evaluate(parts.back());
  }
}

std::unique_ptr<VisionLanguageModel> make_smolvlm(const ModelFolder& folder,
                                                  mx::Dtype dtype,
                                                  engine::Ops::Path path) {
  const SmolVlmConfig config = SmolVlmConfig::from_json(folder.config, folder.config_path());
  const auto processor = make_processor(folder.folder, config);
  engine::Weights shapes(folder.checkpoint, dtype, engine::Weights::Mode::kCheck, smolvlm_name);
  SmolVlm(config, processor, folder.checkpoint, shapes, path, {});
  engine::Weights weights(folder.checkpoint, dtype, engine::Weights::Mode::kRead, smolvlm_name);
  std::vector<std::string> notices = config.notices;
  const auto& more = folder.checkpoint.notices();
  notices.insert(notices.end(), more.begin(), more.end());
  return std::make_unique<SmolVlm>(
      config, processor, folder.checkpoint, weights, path, std::move(notices));
}

}  // namespace headroom::models
