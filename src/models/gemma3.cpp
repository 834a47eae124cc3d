// Gemma 3: SigLIP, whose patches are pooled to few features, and a decoder most of whose layers see
// a window. A tile's features see one another, as far as the window goes. Source:
// Transformers 5.17, models/gemma3/modeling_gemma3.py, processing_gemma3.py.
#include "gemma3.h"

#include <algorithm>

#include "base/errors.h"
#include "engine/layers.h"
#include "gemma_parts.h"
#include "models/gemma3_config.h"
#include "models/prompt_places.h"
#include "processor_table.h"

namespace headroom::models {
namespace {

/// What stands for a picture in the template's prompt, and in what it is written out to.
struct Gemma3Tokens {
  std::string begin = "<start_of_image>";
  std::string feature = "<image_soft_token>";
  std::string end = "<end_of_image>";

  static Gemma3Tokens load(const std::filesystem::path& folder) {
    Gemma3Tokens tokens;
    if (const auto files = processor_table::Files::load(folder)) {
      tokens.read(files->tokenizer);
      const Json* extra = processor_table::find(files->tokenizer, "extra_special_tokens");
      if (extra != nullptr && extra->is_object()) {
        tokens.read(*extra);
      }
    }
    return tokens;
  }

 private:
  void read(const Json& table) {
    processor_table::read_token(table, "boi_token", begin);
    processor_table::read_token(table, "image_token", feature);
    processor_table::read_token(table, "eoi_token", end);
  }
};

class Gemma3Pictures final : public PictureProcessor {
 public:
  Gemma3Pictures(const SiglipProcessorConfig& config,
                 Gemma3Tokens tokens,
                 std::uint32_t tile_features)
      : config_(config), tokens_(std::move(tokens)), tile_features_(tile_features) {}

  const SiglipProcessorConfig& config() const { return config_; }

  std::unique_ptr<PreparedPicture> prepare(const images::Image& image,
                                           std::uint32_t max_tiles) const override {
    return prepare_siglip(image, config_, max_tiles, tile_features_);
  }

  std::string expand(const std::string& prompt,
                     std::span<const PreparedPicture* const> pictures) const override {
    std::vector<std::string> texts;
    for (const PreparedPicture* picture : pictures) {
      texts.push_back(place_of(picture->tiles));
    }
    return fill_places(prompt, tokens_.begin, texts);
  }

 private:
  /// The whole picture, and its crops where it has some.
  std::string place_of(std::uint32_t tiles) const {
    std::string tile = "\n\n" + tokens_.begin;
    for (std::uint32_t i = 0; i < tile_features_; ++i) {
      tile += tokens_.feature;
    }
    tile += tokens_.end + "\n\n";
    if (tiles == 1) {
      return tile;
    }
    std::string text =
        "Here is the original image " + tile + " and here are some crops to help you see better";
    for (std::uint32_t i = 1; i < tiles; ++i) {
      text += " " + tile;
    }
    return text;
  }

  SiglipProcessorConfig config_;
  Gemma3Tokens tokens_;
  std::uint32_t tile_features_;
};

/// Tower, pooling and projection.
/// Letters: N tiles, P patches a tile, E hidden, t features of a side, k patches of a side that
/// become one.
class Gemma3Encoder final : public VisionEncoder {
 public:
  Gemma3Encoder(const Gemma3Config& config, engine::Weights& weights, engine::Ops ops)
      : ops_(ops),
        side_(config.tokens_per_side),
        pooled_(config.pooled()),
        tower_(config.vision, weights, ops, "model.vision_tower."),
        norm_(engine::take_rms_norm(weights,
                                    "model.multi_modal_projector.mm_soft_emb_norm.weight",
                                    config.vision.hidden_size,
                                    true)),
        projection_(
            weights.take_transposed("model.multi_modal_projector.mm_input_projection_weight",
                                    {config.text.hidden_size, config.vision.hidden_size})) {}

  mx::array encode(const PreparedPicture& picture,
                   const engine::Guard& guard,
                   const Tap& tap) const override {
    return encode_siglip(picture, tower_, guard, [&](mx::array&& tiles) {
      const int count = tiles.shape(0);
      mx::array x = pool(tower_.encode(std::move(tiles), guard, tap), count);
      x = ops_.linear(ops_.rms_norm(x, norm_, tower_.config().norm_eps), projection_);
      if (tap) {
        tap("projector", x);
      }
      return x;
    });
  }

 private:
  /// The mean of each k by k patches: [N * P, E] -> [N * t^2, E].
  mx::array pool(const mx::array& x, int tiles) const {
    const int width = tower_.config().hidden_size;
    const mx::array grid = mx::reshape(x, {tiles, side_, pooled_, side_, pooled_, width});
    return mx::reshape(mx::mean(grid, std::vector<int>{2, 4}), {tiles * side_ * side_, width});
  }

  engine::Ops ops_;
  int side_;
  int pooled_;
  engine::VisionTower tower_;
  mx::array norm_;        // [E]
  mx::array projection_;  // [text E, E]
};

/// What the published checkpoints' own template writes, for those that have none.
constexpr std::string_view kTemplate =
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}"
    "{% set before = messages[0]['content'][0]['text'] + '\n\n' %}{% set turns = messages[1:] %}"
    "{% else %}{% set before = '' %}{% set turns = messages %}{% endif %}"
    "{% for message in turns %}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) "
    "+ '\n' + (before if loop.first else '') }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<start_of_image>' }}"
    "{% elif part['type'] == 'text' %}{{ part['text'] | trim }}{% endif %}{% endfor %}"
    "{{ '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}";

class Gemma3 final : public Architecture {
 public:
  Gemma3(Gemma3Config config, std::shared_ptr<const Gemma3Pictures> pictures)
      : config_(std::move(config)), pictures_(std::move(pictures)) {
    notices = config_.notices;
  }

  const engine::DecoderConfig& text() const override { return config_.text; }

  std::int32_t image_token() const override { return config_.image_token; }

  std::string_view chat_template() const override { return kTemplate; }

  std::unique_ptr<VisionEncoder> make_vision(engine::Weights& weights,
                                             engine::Ops ops) const override {
    return std::make_unique<Gemma3Encoder>(config_, weights, ops);
  }

  std::shared_ptr<const PictureProcessor> processor() const override { return pictures_; }

  std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const override {
    return reference_siglip(inputs.pixels, static_cast<std::uint32_t>(config_.features()));
  }

  memory::PictureCost picture_cost(const PictureSides& sides,
                                   std::uint32_t max_tiles,
                                   const Computing& computing) const override;

  void declare(memory::Geometry& geometry) const override {
    geometry.block_tokens = static_cast<std::uint32_t>(config_.features());
  }

  /// A tile's features, which stand side by side, see one another.
  void place(std::vector<engine::PromptToken>& prompt,
             std::span<const PreparedPicture* const> /*pictures*/) const override {
    std::int32_t end = 0;
    for (std::size_t i = prompt.size(); i-- > 0;) {
      const bool image = prompt[i].feature >= 0;
      end = !image ? 0 : end == 0 ? static_cast<std::int32_t>(i + 1) : end;
      prompt[i].sees = end;
    }
  }

 private:
  Gemma3Config config_;
  std::shared_ptr<const Gemma3Pictures> pictures_;
};

memory::PictureCost Gemma3::picture_cost(const PictureSides& sides,
                                         std::uint32_t max_tiles,
                                         const Computing& computing) const {
  // Positions around a tile's features: its begin and end, line ends, a space. The words about
  // crops.
  constexpr std::uint32_t kAround = 5;
  constexpr std::uint32_t kWords = 20;
  const auto features = static_cast<std::uint32_t>(config_.features());
  const SiglipTiles tiles = siglip_tiles(sides.width, sides.height, pictures_->config(), max_tiles);
  memory::PictureCost cost =
      siglip_cost(sides, tiles, features, config_.vision, config_.text, computing);
  cost.tokens = tiles.tiles * (features + kAround) + (tiles.tiles > 1 ? kWords : 0);
  return cost;
}

}  // namespace

std::unique_ptr<const Architecture> open_gemma3(const ModelFolder& folder) {
  Gemma3Config config = Gemma3Config::from_json(folder.config, folder.config_path());
  const auto features = static_cast<std::uint32_t>(config.features());
  std::shared_ptr<const Gemma3Pictures> pictures;
  if (auto settings = load_siglip(folder.folder, config.vision, features, true)) {
    pictures =
        std::make_shared<Gemma3Pictures>(*settings, Gemma3Tokens::load(folder.folder), features);
  }
  return std::make_unique<Gemma3>(std::move(config), std::move(pictures));
}

}  // namespace headroom::models
