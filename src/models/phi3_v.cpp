// Phi-3-vision and Phi-3.5-vision: CLIP over the whole picture and its crops, two by two patches
// made one feature, the crops laid side by side with a line end behind each row, two matrices, and
// Phi-3 with rotary frequencies that change with the prompt's length.
// Source: Microsoft, Phi-3-vision-128k-instruct, modeling_phi3_v.py, image_embedding_phi3_v.py,
// processing_phi3_v.py.
#include "phi3_v.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "engine/projector.h"
#include "family_plan.h"
#include "models/phi3_v_config.h"
#include "models/phi3_v_processor.h"
#include "names.h"
#include "text/chat_template.h"
#include "tiles.h"

namespace headroom::models {
namespace {

/// No token of the vocabulary: the reference writes -1, -2, … where its pictures' features stand.
constexpr std::int32_t kImageToken = -1;

struct Phi3VPicture final : PreparedPicture {
  void drop_pixels() override { pixels = std::vector<float>(); }

  std::vector<float> pixels;  // [tiles, 3, side, side]
  std::uint32_t side = 0;     // pixels of a tile
  std::uint32_t rows = 0;     // crops behind the first tile
  std::uint32_t cols = 0;
};

/// How a picture's features are put together.
struct Arrangement {
  std::uint32_t side = 0;  // features of a tile, down and across
  bool overview_first = false;

  std::uint32_t tile() const { return side * side; }

  std::uint32_t count(std::uint32_t rows, std::uint32_t cols) const {
    return rows * side * (cols * side + 1) + 1 + side * (side + 1);
  }

  /// Rows of the tiles' features, one tile below the other, in the order of the prompt; behind them
  /// stand the line end and the separator.
  std::vector<int> order(std::uint32_t rows, std::uint32_t cols) const {
    const std::uint32_t line_end = (1 + rows * cols) * tile();
    std::vector<std::uint32_t> crops;
    for (std::uint32_t y = 0; y < rows * side; ++y) {
      for (std::uint32_t x = 0; x < cols * side; ++x) {
        const std::uint32_t at = 1 + y / side * cols + x / side;
        crops.push_back(at * tile() + y % side * side + x % side);
      }
      crops.push_back(line_end);
    }
    std::vector<std::uint32_t> overview;
    for (std::uint32_t i = 0; i < tile(); ++i) {
      overview.push_back(i);
      if (i % side == side - 1) {
        overview.push_back(line_end);
      }
    }
    const auto& first = overview_first ? overview : crops;
    const auto& second = overview_first ? crops : overview;
    std::vector<int> all(first.begin(), first.end());
    all.push_back(static_cast<int>(line_end + 1));
    all.insert(all.end(), second.begin(), second.end());
    return all;
  }
};

class Phi3VPictures final : public PictureProcessor {
 public:
  Phi3VPictures(Phi3VProcessorConfig config, Arrangement arrangement)
      : config_(config), arrangement_(arrangement) {}

  const Phi3VProcessorConfig& config() const { return config_; }

  std::unique_ptr<PreparedPicture> prepare(const images::Image& image,
                                           std::uint32_t max_tiles) const override {
    const Phi3VCrops crops = phi3_v_crops(image.width, image.height, config_, max_tiles);
    auto picture = std::make_unique<Phi3VPicture>();
    picture->pixels = process_phi3_v(image, config_, max_tiles);
    picture->side = config_.side;
    picture->rows = crops.rows;
    picture->cols = crops.cols;
    picture->tiles = crops.tiles();
    picture->whole_tiles = phi3_v_crops(image.width, image.height, config_).tiles();
    picture->features = arrangement_.count(crops.rows, crops.cols);
    return picture;
  }

  /// Contents are one text, in which the pictures are numbered through the conversation.
  text::OrderedJson messages(const Conversation& conversation) const override {
    text::OrderedJson messages = text::to_template_messages(conversation);
    int number = 0;
    for (auto& message : messages) {
      std::string content;
      for (const auto& part : message["content"]) {
        content += part["type"] == "image" ? fmt::format("<|image_{}|>\n", ++number)
                                           : part["text"].get<std::string>();
      }
      message["content"] = std::move(content);
    }
    return messages;
  }

  /// Places are not written out: `tokens` has ids for them that no text has.
  std::string expand(const std::string& prompt,
                     std::span<const PreparedPicture* const> pictures) const override {
    cut_at_pictures(prompt, pictures.size());
    return prompt;
  }

  /// Each piece between pictures is a text of its own, with the tokenizer's first token.
  std::vector<std::int32_t> tokens(const std::string& prompt,
                                   std::span<const PreparedPicture* const> pictures,
                                   const text::Tokenizer& tokenizer) const override {
    std::vector<std::int32_t> ids;
    std::size_t next = 0;
    for (const std::string& piece : cut_at_pictures(prompt, pictures.size())) {
      const auto part = tokenizer.encode(piece, true);
      ids.insert(ids.end(), part.begin(), part.end());
      if (next < pictures.size()) {
        ids.insert(ids.end(), pictures[next++]->features, kImageToken);
      }
    }
    return ids;
  }

 private:
  Phi3VProcessorConfig config_;
  Arrangement arrangement_;
};

class Phi3VEncoder final : public VisionEncoder {
 public:
  Phi3VEncoder(const Phi3VConfig& config,
               Arrangement arrangement,
               engine::Weights& weights,
               engine::Ops ops)
      : arrangement_(arrangement),
        tower_(config.vision, weights, ops, kPlace + "img_processor.vision_model."),
        line_end_(weights.take(kPlace + "sub_GN", {1, 1, 1, 4 * config.vision.hidden_size})),
        separator_(weights.take(kPlace + "glb_GN", {1, 1, 4 * config.vision.hidden_size})),
        projector_(weights,
                   ops,
                   kPlace + "img_projection.0",
                   kPlace + "img_projection.2",
                   4 * config.vision.hidden_size,
                   config.text.hidden_size,
                   engine::Activation::kGelu,
                   true) {}

  mx::array encode(const PreparedPicture& prepared,
                   const engine::Guard& guard,
                   const Tap& tap) const override {
    const auto& picture = dynamic_cast<const Phi3VPicture&>(prepared);
    const int side = static_cast<int>(picture.side);
    const TilePixels pixels{picture.pixels.data(), static_cast<int>(picture.tiles), 3, side, side};
    const int grid = tower_.config().grid();
    const int at_once = engine::VisionTower::tiles_at_once(grid * grid);
    mx::array features = encode_tiles(pixels, at_once, guard, [&](mx::array&& tiles) {
      const mx::array patches = tower_.encode(std::move(tiles), guard, tap);
      return projector_.project(merge_patches(patches, grid, grid, 2));
    });
    const mx::array marks = mx::concatenate({row(line_end_), row(separator_)}, 0);
    features = mx::concatenate({std::move(features), projector_.project(marks)}, 0);
    const std::vector<int> order = arrangement_.order(picture.rows, picture.cols);
    features =
        mx::take(features, mx::array(order.data(), {static_cast<int>(order.size())}, mx::int32), 0);
    if (tap) {
      tap("image_features", features);
    }
    return features;
  }

 private:
  static inline const std::string kPlace = "model.vision_embed_tokens.";

  static mx::array row(const mx::array& x) { return mx::reshape(x, {1, -1}); }

  Arrangement arrangement_;
  engine::VisionTower tower_;
  mx::array line_end_;   // [1, 1, 1, 4 E of the tower]
  mx::array separator_;  // [1, 1, 4 E]
  engine::Projector projector_;
};

constexpr std::string_view kTemplate =
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}";

class Phi3V final : public Architecture {
 public:
  Phi3V(Phi3VConfig config, Arrangement arrangement, std::shared_ptr<const Phi3VPictures> pictures)
      : config_(std::move(config)), arrangement_(arrangement), pictures_(std::move(pictures)) {
    notices = config_.notices;
  }

  const engine::DecoderConfig& text() const override { return config_.text; }

  engine::DecoderNames text_names() const override {
    return {.body = "model.", .head = "lm_head.weight", .fused = true};
  }

  std::int32_t image_token() const override { return kImageToken; }

  std::string_view chat_template() const override { return kTemplate; }

  std::unique_ptr<VisionEncoder> make_vision(engine::Weights& weights,
                                             engine::Ops ops) const override {
    return std::make_unique<Phi3VEncoder>(config_, arrangement_, weights, ops);
  }

  std::shared_ptr<const PictureProcessor> processor() const override { return pictures_; }

  /// The reference chooses the frequencies by the length of the whole prompt.
  void place(std::vector<engine::PromptToken>& prompt,
             std::span<const PreparedPicture* const> /*pictures*/) const override {
    const bool is_long = static_cast<int>(prompt.size()) > config_.text.rope.original_context;
    for (engine::PromptToken& token : prompt) {
      token.long_prompt = is_long;
    }
  }

  std::vector<std::int32_t> reference_ids(
      std::vector<std::int32_t> ids,
      std::span<const PreparedPicture* const> /*pictures*/) const override {
    for (std::int32_t& id : ids) {
      id = id < 0 ? kImageToken : id;
    }
    return ids;
  }

  std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const override;
  memory::PictureCost picture_cost(const PictureSides& sides,
                                   std::uint32_t max_tiles,
                                   const Computing& computing) const override;

 private:
  Phi3VConfig config_;
  Arrangement arrangement_;
  std::shared_ptr<const Phi3VPictures> pictures_;
};

/// pixel_values [pictures, tiles, 3, side, side], filled up with empty tiles; image_sizes: a height
/// and a width for each.
std::vector<std::unique_ptr<PreparedPicture>> Phi3V::reference_pictures(
    const ReferenceInputs& inputs) const {
  const mx::Shape& shape = inputs.pixels.shape();
  const int side = config_.vision.image_size;
  const auto sizes = inputs.numbers.find("image_sizes");
  if (shape.size() != 5 || shape[2] != 3 || shape[3] != side || shape[4] != side ||
      sizes == inputs.numbers.end() || static_cast<int>(sizes->second.size()) != 2 * shape[0]) {
    throw InputError("E-PIXELS",
                     fmt::format("pixel_values [pictures, tiles, 3, {0}, {0}] and a height and "
                                 "width of each in image_sizes are wanted",
                                 side));
  }
  const std::ptrdiff_t size = std::ptrdiff_t{3} * side * side;
  std::vector<std::unique_ptr<PreparedPicture>> pictures;
  for (int i = 0; i < shape[0]; ++i) {
    const int height = sizes->second[static_cast<std::size_t>(2 * i)];
    const int width = sizes->second[static_cast<std::size_t>(2 * i + 1)];
    if (height < side || width < side || height % side != 0 || width % side != 0 ||
        1 + (height / side) * (width / side) > shape[1]) {
      throw InputError("E-PIXELS",
                       fmt::format("image_sizes has {} x {}: multiples of {} are wanted that make "
                                   "at most {} tiles with the first",
                                   width,
                                   height,
                                   side,
                                   shape[1]));
    }
    auto picture = std::make_unique<Phi3VPicture>();
    picture->side = static_cast<std::uint32_t>(side);
    picture->rows = static_cast<std::uint32_t>(height / side);
    picture->cols = static_cast<std::uint32_t>(width / side);
    picture->tiles = picture->whole_tiles = 1 + picture->rows * picture->cols;
    picture->features = arrangement_.count(picture->rows, picture->cols);
    const float* from = inputs.pixels.data<float>() + i * shape[1] * size;
    picture->pixels.assign(from, from + picture->tiles * size);
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

memory::PictureCost Phi3V::picture_cost(const PictureSides& sides,
                                        std::uint32_t max_tiles,
                                        const Computing& computing) const {
  const Phi3VCrops crops = phi3_v_crops(sides.width, sides.height, pictures_->config(), max_tiles);
  const std::uint64_t patches = std::uint64_t{4} * arrangement_.tile();
  const std::uint64_t at_once = tiles_in_pass(crops.tiles(), patches);
  memory::PictureCost cost;
  cost.tiles = crops.tiles();
  cost.tokens = arrangement_.count(crops.rows, crops.cols);
  cost.decode = Bytes(std::uint64_t{sides.width} * sides.height * 3 + crops.transient_bytes);
  cost.pixels = Bytes(crops.pixel_bytes);
  // The tower's; the merged patches beside its result and in the projector; the features while they
  // are put in order.
  engine::VisionConfig merged = config_.vision;
  merged.hidden_size *= 8;
  const Bytes projector = projector_transient(
      merged, config_.text, computing, std::uint64_t{arrangement_.tile()} * at_once);
  const Bytes tower = tower_transient(config_.vision, computing, patches, at_once);
  const Bytes ordered = feature_bytes(
      config_.text, computing, std::uint64_t{crops.tiles()} * arrangement_.tile() * 2);
  cost.encode = std::max({tower, projector, ordered});
  cost.features = feature_bytes(config_.text, computing, cost.tokens);
  return cost;
}

}  // namespace

std::optional<std::string> phi3_v_name(const std::string& published) {
  if (published.starts_with("model.vision_embed_tokens.wte.")) {
    return std::nullopt;  // the token embeddings once more
  }
  return renamed(published, {});
}

std::unique_ptr<const Architecture> open_phi3_v(const ModelFolder& folder) {
  Phi3VConfig config = Phi3VConfig::from_json(folder.config, folder.config_path());
  const Arrangement arrangement{static_cast<std::uint32_t>(config.side()), config.overview_first};
  std::shared_ptr<const Phi3VPictures> pictures;
  if (auto settings = Phi3VProcessorConfig::load(folder.folder)) {
    settings->side = static_cast<std::uint32_t>(config.vision.image_size);
    pictures = std::make_shared<Phi3VPictures>(*settings, arrangement);
  }
  return std::make_unique<Phi3V>(std::move(config), arrangement, std::move(pictures));
}

}  // namespace headroom::models
