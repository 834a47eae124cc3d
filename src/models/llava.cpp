// LLaVA 1.5 and LLaVA-NeXT: CLIP, two matrices, a decoder. LLaVA-NeXT looks at a picture in tiles
// and leaves out of the features what is padding.
// Source: Transformers 5.24, models/llava/modeling_llava.py,
// models/llava_next/modeling_llava_next.py.
#include "llava.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "engine/projector.h"
#include "family_plan.h"
#include "models/llava_config.h"
#include "models/llava_processor.h"
#include "models/prompt_places.h"
#include "names.h"
#include "processor_table.h"
#include "tiles.h"

namespace headroom::models {
namespace {

struct LlavaPicture final : PreparedPicture {
  void drop_pixels() override { pixels = std::vector<float>(); }

  std::vector<float> pixels;  // [tiles, 3, tile_height, tile_width]
  std::uint32_t tile_height = 0;
  std::uint32_t tile_width = 0;
  std::uint32_t rows = 0;  // tiles behind the first
  std::uint32_t cols = 0;
  KeptFeatures kept;  // of the grid of all their features
};

/// How a picture's features are put together.
struct Packing {
  bool next = false;
  std::uint32_t side = 0;  // features of a tile, down and across
  std::uint32_t tile = 0;  // features of a tile, a class token's included

  KeptFeatures kept(std::uint32_t width,
                    std::uint32_t height,
                    std::uint32_t rows,
                    std::uint32_t cols) const {
    return rows == 0 ? KeptFeatures() : unpadded(width, height, cols * side, rows * side);
  }

  /// The first tile's, then the kept ones with a line end behind each row.
  std::uint32_t count(const KeptFeatures& kept) const {
    if (!next) {
      return tile;
    }
    return tile + (kept.rows == 0 ? 1 : kept.rows * (kept.cols + 1));
  }

  /// Rows of the tiles' features, one tile below the other, in the order of the prompt; `newline`
  /// stands for the line end.
  std::vector<int> order(std::uint32_t cols, const KeptFeatures& kept, int newline) const {
    std::vector<int> rows;
    for (std::uint32_t i = 0; i < tile; ++i) {
      rows.push_back(static_cast<int>(i));
    }
    for (std::uint32_t y = kept.top; y < kept.top + kept.rows; ++y) {
      for (std::uint32_t x = kept.left; x < kept.left + kept.cols; ++x) {
        const std::uint32_t at = 1 + y / side * cols + x / side;
        rows.push_back(static_cast<int>(at * tile + y % side * side + x % side));
      }
      rows.push_back(newline);
    }
    if (kept.rows == 0) {
      rows.push_back(newline);
    }
    return rows;
  }
};

class LlavaPictures final : public PictureProcessor {
 public:
  LlavaPictures(LlavaProcessorConfig config, Packing packing)
      : config_(std::move(config)), packing_(packing) {}

  const LlavaProcessorConfig& config() const { return config_; }

  std::unique_ptr<PreparedPicture> prepare(const images::Image& image,
                                           std::uint32_t max_tiles) const override {
    const LlavaTiles plan = llava_tiles(image.width, image.height, config_, max_tiles);
    auto picture = std::make_unique<LlavaPicture>();
    picture->pixels = process_llava(image, config_, max_tiles);
    picture->tile_height = plan.tile_height;
    picture->tile_width = plan.tile_width;
    picture->rows = plan.rows;
    picture->cols = plan.cols;
    picture->kept = packing_.kept(image.width, image.height, plan.rows, plan.cols);
    picture->tiles = plan.tiles;
    picture->whole_tiles = llava_tiles(image.width, image.height, config_).tiles;
    picture->features = packing_.count(picture->kept);
    return picture;
  }

  std::string expand(const std::string& prompt,
                     std::span<const PreparedPicture* const> pictures) const override {
    std::vector<std::uint32_t> counts;
    for (const PreparedPicture* picture : pictures) {
      counts.push_back(picture->features);
    }
    return repeat_image_tokens(prompt, config_.image_token, counts);
  }

 private:
  LlavaProcessorConfig config_;
  Packing packing_;
};

class LlavaEncoder final : public VisionEncoder {
 public:
  LlavaEncoder(const LlavaConfig& config,
               Packing packing,
               engine::Weights& weights,
               engine::Ops ops)
      : packing_(packing),
        tower_(config.vision, weights, ops, "model.vision_tower."),
        projector_(weights,
                   ops,
                   "model.multi_modal_projector.linear_1",
                   "model.multi_modal_projector.linear_2",
                   config.vision.hidden_size,
                   config.text.hidden_size,
                   config.activation,
                   config.projector_bias) {
    if (packing.next) {
      newline_ = weights.take("model.image_newline", {config.text.hidden_size});
    }
  }

  mx::array encode(const PreparedPicture& prepared,
                   const engine::Guard& guard,
                   const Tap& tap) const override {
    const auto& picture = dynamic_cast<const LlavaPicture&>(prepared);
    const TilePixels pixels{picture.pixels.data(),
                            static_cast<int>(picture.tiles),
                            3,
                            static_cast<int>(picture.tile_height),
                            static_cast<int>(picture.tile_width)};
    const int side = tower_.config().patch_size;
    const int patches = (pixels.height / side) * (pixels.width / side);
    const int at_once = engine::VisionTower::tiles_at_once(patches);
    mx::array features = encode_tiles(pixels, at_once, guard, [&](mx::array&& tiles) {
      return projector_.project(tower_.encode(std::move(tiles), guard, tap));
    });
    if (tap) {
      tap("tile_features", features);
    }
    if (!newline_) {
      return features;
    }
    const int newline = features.shape(0);
    const std::vector<int> order = packing_.order(picture.cols, picture.kept, newline);
    features =
        mx::concatenate({std::move(features), mx::reshape(*newline_, {1, newline_->shape(0)})}, 0);
    return mx::take(
        features, mx::array(order.data(), {static_cast<int>(order.size())}, mx::int32), 0);
  }

 private:
  Packing packing_;
  engine::VisionTower tower_;
  engine::Projector projector_;
  std::optional<mx::array> newline_;  // [E]; LLaVA-NeXT
};

// What the published checkpoints' own templates write, for those that have none.
constexpr std::string_view kVicuna =
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'][0]['text'] + ' ' }}"
    "{% else %}{{ message['role'].upper() + ': ' }}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] + ' ' }}"
    "{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";
constexpr std::string_view kMistral =
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}"
    "{{ '<<SYS>>\n' + message['content'][0]['text'] + '\n<</SYS>>\n\n' }}"
    "{% elif message['role'] == 'user' %}{{ '[INST] ' }}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{{ ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'][0]['text'] + '</s> ' }}{% endif %}{% endfor %}";
constexpr std::string_view kQwen =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

class Llava final : public Architecture {
 public:
  Llava(LlavaConfig config, Packing packing, std::shared_ptr<const LlavaPictures> pictures)
      : config_(std::move(config)), packing_(packing), pictures_(std::move(pictures)) {
    notices = config_.notices;
  }

  const engine::DecoderConfig& text() const override { return config_.text; }

  std::int32_t image_token() const override { return config_.image_token; }

  std::string_view chat_template() const override {
    return config_.text_type == "mistral" ? kMistral
           : config_.text_type == "qwen2" ? kQwen
                                          : kVicuna;
  }

  std::unique_ptr<VisionEncoder> make_vision(engine::Weights& weights,
                                             engine::Ops ops) const override {
    return std::make_unique<LlavaEncoder>(config_, packing_, weights, ops);
  }

  std::shared_ptr<const PictureProcessor> processor() const override { return pictures_; }

  std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const override;
  memory::PictureCost picture_cost(const PictureSides& sides,
                                   std::uint32_t max_tiles,
                                   const Computing& computing) const override;

 private:
  LlavaConfig config_;
  Packing packing_;
  std::shared_ptr<const LlavaPictures> pictures_;
};

/// LLaVA 1.5: each tile a picture. LLaVA-NeXT: one picture, of the height and width in image_sizes.
std::vector<std::unique_ptr<PreparedPicture>> Llava::reference_pictures(
    const ReferenceInputs& inputs) const {
  const TilePixels pixels = reference_tiles(inputs.pixels);
  const auto make = [&](int from, int count) {
    auto picture = std::make_unique<LlavaPicture>();
    const std::ptrdiff_t size = std::ptrdiff_t{3} * pixels.height * pixels.width;
    picture->pixels.assign(pixels.data + from * size, pixels.data + (from + count) * size);
    picture->tiles = picture->whole_tiles = static_cast<std::uint32_t>(count);
    picture->tile_height = static_cast<std::uint32_t>(pixels.height);
    picture->tile_width = static_cast<std::uint32_t>(pixels.width);
    return picture;
  };
  std::vector<std::unique_ptr<PreparedPicture>> pictures;
  if (!packing_.next) {
    for (int tile = 0; tile < pixels.tiles; ++tile) {
      pictures.push_back(make(tile, 1));
      pictures.back()->features = packing_.count({});
    }
    return pictures;
  }
  const auto sizes = inputs.numbers.find("image_sizes");
  if (sizes == inputs.numbers.end() || sizes->second.size() != 2 || sizes->second[0] < 1 ||
      sizes->second[1] < 1) {
    throw InputError("E-PIXELS", "image_sizes: one height and width are wanted");
  }
  const auto height = static_cast<std::uint32_t>(sizes->second[0]);
  const auto width = static_cast<std::uint32_t>(sizes->second[1]);
  LlavaProcessorConfig settings;
  settings.crop_height = settings.crop_width = static_cast<std::uint32_t>(pixels.height);
  settings.resolutions = config_.resolutions;
  const LlavaTiles plan = llava_tiles(width, height, settings);
  if (static_cast<int>(plan.tiles) != pixels.tiles) {
    throw InputError("E-PIXELS",
                     fmt::format("pixel_values has {} tiles; a picture of {} x {} has {}",
                                 pixels.tiles,
                                 width,
                                 height,
                                 plan.tiles));
  }
  auto picture = make(0, pixels.tiles);
  picture->rows = plan.rows;
  picture->cols = plan.cols;
  picture->kept = packing_.kept(width, height, plan.rows, plan.cols);
  picture->features = packing_.count(picture->kept);
  pictures.push_back(std::move(picture));
  return pictures;
}

memory::PictureCost Llava::picture_cost(const PictureSides& sides,
                                        std::uint32_t max_tiles,
                                        const Computing& computing) const {
  const LlavaTiles plan = llava_tiles(sides.width, sides.height, pictures_->config(), max_tiles);
  const std::uint64_t patches = std::uint64_t{packing_.side} * packing_.side;
  const std::uint64_t at_once = tiles_in_pass(plan.tiles, patches);
  memory::PictureCost cost;
  cost.tiles = plan.tiles;
  cost.tokens = packing_.count(packing_.kept(sides.width, sides.height, plan.rows, plan.cols));
  cost.decode = Bytes(std::uint64_t{sides.width} * sides.height * 3 + plan.transient_bytes);
  cost.pixels = Bytes(plan.pixel_bytes);
  // The tower's, the projector's on what it gives, and the features while they are put in order.
  const Bytes projector = projector_transient(
      config_.vision, config_.text, computing, std::uint64_t{packing_.tile} * at_once);
  const Bytes tower = tower_transient(config_.vision, computing, patches, at_once);
  const Bytes ordered = feature_bytes(
      config_.text, computing, packing_.next ? std::uint64_t{plan.tiles} * packing_.tile : 0);
  cost.encode = std::max({tower, projector, ordered});
  cost.features = feature_bytes(config_.text, computing, cost.tokens);
  return cost;
}

void check_settings(const LlavaConfig& config,
                    const LlavaProcessorConfig& settings,
                    const std::string& where) {
  const auto side = static_cast<std::uint32_t>(config.vision.image_size);
  const LlavaTiles tiles = llava_tiles(side, side, settings);
  processor_table::check_tile_sides(
      tiles.tile_width, tiles.tile_height, config.vision.image_size, where);
  if (settings.resolutions != config.resolutions) {
    throw UsageError("E-PROCESSOR",
                     fmt::format("{}: image_grid_pinpoints of preprocessor_config.json and of "
                                 "config.json differ",
                                 where));
  }
}

}  // namespace

std::optional<std::string> llava_name(const std::string& published) {
  const auto name = transformers_name(published);
  return name ? renamed(*name, {{"image_newline", "model.image_newline"}}) : name;
}

std::unique_ptr<const Architecture> open_llava(const ModelFolder& folder) {
  LlavaConfig config = LlavaConfig::from_json(folder.config, folder.config_path());
  const bool next = !config.resolutions.empty();
  if (next && !config.vision.drop_class) {
    throw UsageError("E-CONFIG",
                     fmt::format("{}: vision_feature_select_strategy is \"full\"; only default is "
                                 "supported for llava_next",
                                 folder.config_path()));
  }
  const Packing packing{next,
                        static_cast<std::uint32_t>(config.vision.grid()),
                        static_cast<std::uint32_t>(config.tile_features())};
  std::shared_ptr<const LlavaPictures> pictures;
  if (auto settings = LlavaProcessorConfig::load(folder.folder, next)) {
    check_settings(config, *settings, folder.folder.string());
    pictures = std::make_shared<LlavaPictures>(std::move(*settings), packing);
  }
  return std::make_unique<Llava>(std::move(config), packing, std::move(pictures));
}

}  // namespace headroom::models
