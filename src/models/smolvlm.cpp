// SmolVLM and Idefics3: one architecture under two names.
// Source: Transformers 5.24, models/smolvlm/modeling_smolvlm.py,
// models/idefics3/modeling_idefics3.py.
#include "smolvlm.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "family_plan.h"
#include "models/smolvlm_config.h"
#include "models/smolvlm_processor.h"
#include "names.h"
#include "tiles.h"

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

  const SmolVlmProcessorConfig& config() const { return config_; }

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

std::shared_ptr<const SmolVlmPictures> make_processor(const std::filesystem::path& folder,
                                                      const SmolVlmConfig& config) {
  auto settings = SmolVlmProcessorConfig::load(folder);
  if (!settings) {
    return nullptr;
  }
  return std::make_shared<SmolVlmPictures>(
      std::move(*settings),
      static_cast<std::uint32_t>(config.vision.patch_size * config.scale_factor));
}

/// Tower and connector.
class SmolVlmEncoder final : public VisionEncoder {
 public:
  SmolVlmEncoder(const SmolVlmConfig& config, engine::Weights& weights, engine::Ops ops)
      : ops_(ops),
        scale_(config.scale_factor),
        tower_(config.vision, weights, ops, "model.vision_model."),
        connector_(
            weights.take("model.connector.modality_projection.proj.weight",
                         {config.text.hidden_size, config.vision.hidden_size * scale_ * scale_})) {}

  mx::array encode(const PreparedPicture& picture,
                   const engine::Guard& guard,
                   const Tap& tap) const override {
    const auto& processed = dynamic_cast<const SmolVlmPicture&>(picture).processed;
    const TilePixels pixels{processed.pixels.data(),
                            static_cast<int>(processed.tiles),
                            3,
                            static_cast<int>(processed.tile_height),
                            static_cast<int>(processed.tile_width)};
    const int side = tower_.config().patch_size;
    const int rows = pixels.height / side;
    const int cols = pixels.width / side;
    if (rows % scale_ != 0 || cols % scale_ != 0 || rows == 0 || cols == 0) {
      throw UsageError(
          "E-CONFIG",
          fmt::format("vision tower: tiles of {} x {} pixels make {} x {} patches, which "
                      "the scale factor {} does not divide",
                      pixels.width,
                      pixels.height,
                      cols,
                      rows,
                      scale_));
    }
    const int at_once = engine::VisionTower::tiles_at_once(rows * cols);
    return encode_tiles(pixels, at_once, guard, [&](mx::array&& tiles) {
      const mx::array patches = tower_.encode(std::move(tiles), guard, tap);
      mx::array x = ops_.linear(merge_patches(patches, rows, cols, scale_), connector_);
      if (tap) {
        tap("connector", x);
      }
      return x;
    });
  }

 private:
  engine::Ops ops_;
  int scale_;
  engine::VisionTower tower_;
  mx::array connector_;  // [text E, E s^2]
};

/// Positions of one picture in the prompt: its image tokens, a frame around each tile, a line end
/// for each row.
std::uint32_t prompt_tokens(const TilePlan& tiles) {
  const std::uint64_t frames =
      3 + (tiles.rows == 0 ? 0 : 2ULL * tiles.rows * tiles.cols + tiles.rows + 1);
  return static_cast<std::uint32_t>(tiles.image_tokens + frames);
}

class SmolVlm final : public Architecture {
 public:
  SmolVlm(SmolVlmConfig config, std::shared_ptr<const SmolVlmPictures> pictures)
      : config_(std::move(config)), pictures_(std::move(pictures)) {
    notices = config_.notices;
  }

  const engine::DecoderConfig& text() const override { return config_.text; }

  engine::DecoderNames text_names() const override {
    return {"model.text_model.", "lm_head.weight"};
  }

  std::int32_t image_token() const override { return config_.image_token; }

  std::unique_ptr<VisionEncoder> make_vision(engine::Weights& weights,
                                             engine::Ops ops) const override {
    return std::make_unique<SmolVlmEncoder>(config_, weights, ops);
  }

  std::shared_ptr<const PictureProcessor> processor() const override { return pictures_; }

  std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const override {
    const TilePixels pixels = reference_tiles(inputs.pixels);
    auto picture = std::make_unique<SmolVlmPicture>();
    picture->processed.pixels.assign(pixels.data, pixels.data + inputs.pixels.size());
    picture->processed.tiles = static_cast<std::uint32_t>(pixels.tiles);
    picture->processed.tile_height = static_cast<std::uint32_t>(pixels.height);
    picture->processed.tile_width = static_cast<std::uint32_t>(pixels.width);
    std::vector<std::unique_ptr<PreparedPicture>> pictures;
    pictures.push_back(std::move(picture));
    return pictures;
  }

  memory::PictureCost picture_cost(const PictureSides& sides,
                                   std::uint32_t max_tiles,
                                   const Computing& computing) const override {
    const TilePlan tiles =
        tiles_for(sides.width,
                  sides.height,
                  within_tiles(pictures_->config(), sides.width, sides.height, max_tiles));
    const std::uint64_t grid =
        tiles.tile_side / static_cast<std::uint64_t>(config_.vision.patch_size);
    const std::uint64_t patches = std::max<std::uint64_t>(grid * grid, 1);
    const std::uint64_t at_once = tiles_in_pass(tiles.tiles, patches);
    memory::PictureCost cost;
    cost.tiles = tiles.tiles;
    cost.tokens = prompt_tokens(tiles);
    cost.decode = Bytes(std::uint64_t{sides.width} * sides.height * 3 + tiles.transient_bytes);
    cost.pixels = Bytes(tiles.pixel_bytes);
    cost.encode = tower_transient(config_.vision, computing, patches, at_once);
    cost.features = feature_bytes(config_.text, computing, tiles.image_tokens);
    return cost;
  }

 private:
  SmolVlmConfig config_;
  std::shared_ptr<const SmolVlmPictures> pictures_;
};

}  // namespace

/// MLX's files have no "model." and call the decoder as other families do.
std::optional<std::string> smolvlm_name(const std::string& published) {
  return renamed(published,
                 {{"language_model.lm_head.", "lm_head."},
                  {"language_model.", "model.text_model."},
                  {"vision_model.", "model.vision_model."},
                  {"connector.", "model.connector."}});
}

std::unique_ptr<const Architecture> open_smolvlm(const ModelFolder& folder) {
  SmolVlmConfig config = SmolVlmConfig::from_json(folder.config, folder.config_path());
  auto pictures = make_processor(folder.folder, config);
  return std::make_unique<SmolVlm>(std::move(config), std::move(pictures));
}

}  // namespace headroom::models
