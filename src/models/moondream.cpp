// Moondream 2: SigLIP over the whole picture and overlapping crops; the crops' features are put
// together, averaged to the grid of one and set beside the whole picture's; a decoder whose layers
// are parallel, and which sees a picture's tokens from both sides. Questions are written in token
// ids, without a chat template.
// Source: vikhyat/moondream 44146f1, moondream/torch (vision.py, text.py, moondream.py).
#include "moondream.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/errors.h"
#include "engine/projector.h"
#include "family_plan.h"
#include "models/moondream_config.h"
#include "models/moondream_processor.h"
#include "names.h"
#include "tiles.h"

namespace headroom::models {
namespace {

/// No token of the vocabulary: the reference puts features behind the first token by position.
constexpr std::int32_t kImageToken = -1;
constexpr std::string_view kPlace = "<image>";

struct MoondreamPicture final : PreparedPicture {
  void drop_pixels() override { pixels = std::vector<float>(); }

  std::vector<float> pixels;  // [tiles, 3, crop, crop]
  std::uint32_t rows = 0;     // crops behind the first tile
  std::uint32_t cols = 0;
};

class MoondreamPictures final : public PictureProcessor {
 public:
  explicit MoondreamPictures(const MoondreamConfig& config) : config_(config) {}

  std::unique_ptr<PreparedPicture> prepare(const images::Image& image,
                                           std::uint32_t max_tiles) const override {
    const MoondreamCrops crops =
        moondream_crops(image.width, image.height, config_.crops, max_tiles);
    auto picture = std::make_unique<MoondreamPicture>();
    picture->pixels = process_moondream(image, config_.crops, max_tiles);
    picture->rows = crops.rows;
    picture->cols = crops.cols;
    picture->tiles = crops.tiles();
    picture->whole_tiles = moondream_crops(image.width, image.height, config_.crops).tiles();
    picture->features = static_cast<std::uint32_t>(config_.features());
    return picture;
  }

  /// The question alone: the pictures' places stand before it, and `tokens` puts ids there.
  std::string expand(const std::string& prompt,
                     std::span<const PreparedPicture* const> pictures) const override {
    if (pictures.size() > 1) {
      throw InputError(
          "E-PROMPT-IMAGES",
          fmt::format("the item has {} pictures; the family takes one at a time", pictures.size()));
    }
    const bool placed = std::string_view(prompt).starts_with(kPlace);
    if (!pictures.empty() && !placed) {
      throw InputError("E-PROMPT-IMAGES",
                       fmt::format("the prompt has no place for the picture ({} before the "
                                   "question); the item has 1",
                                   kPlace));
    }
    return pictures.empty() ? prompt : prompt.substr(kPlace.size());
  }

  std::vector<std::int32_t> tokens(const std::string& prompt,
                                   std::span<const PreparedPicture* const> pictures,
                                   const text::Tokenizer& tokenizer) const override {
    const auto question = tokenizer.encode(expand(prompt, pictures), true);
    std::vector<std::int32_t> ids = {config_.bos};
    for (const PreparedPicture* picture : pictures) {
      ids.insert(ids.end(), picture->features, kImageToken);
    }
    for (const auto& part : {config_.prefix, question, config_.suffix}) {
      ids.insert(ids.end(), part.begin(), part.end());
    }
    return ids;
  }

 private:
  MoondreamConfig config_;
};

/// Row i holds what each of `from` places weighs in the mean of place i of `to`; windows overlap
/// where the one does not divide the other. Shape: [to, from].
/// Source: PyTorch, adaptive_avg_pool2d.
mx::array averaging(int from, int to) {
  std::vector<float> weights(static_cast<std::size_t>(from) * static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    const int begin = i * from / to;
    const int end = ((i + 1) * from + to - 1) / to;
    for (int k = begin; k < end; ++k) {
      weights[static_cast<std::size_t>(i * from + k)] = 1.0F / static_cast<float>(end - begin);
    }
  }
  return mx::array(weights.data(), {to, from}, mx::float32);
}

/// How the crops' features lie beside each other without what neighbours have twice.
struct Stitching {
  int side = 0;    // features of a crop, down and across
  int margin = 0;  // of them, those at an inner edge that the neighbour has
  int rows = 0;    // crops
  int cols = 0;

  int length(int crops) const { return crops * (side - 2 * margin) + 2 * margin; }

  /// Crop and place in it of place `at` along an axis of so many crops.
  std::pair<int, int> place(int at, int crops) const {
    const int window = side - 2 * margin;
    const int crop = std::clamp((at - margin) / window, 0, crops - 1);
    return {crop, at - crop * window};
  }

  /// Rows of all crops' features, one crop below the other, in the order of the picture.
  std::vector<int> order() const {
    std::vector<int> order;
    for (int y = 0; y < length(rows); ++y) {
      const auto [row, inner_y] = place(y, rows);
      for (int x = 0; x < length(cols); ++x) {
        const auto [col, inner_x] = place(x, cols);
        order.push_back(((row * cols + col) * side + inner_y) * side + inner_x);
      }
    }
    return order;
  }
};

/// Letters: s features of a tile down and across, C the tower's width.
class MoondreamEncoder final : public VisionEncoder {
 public:
  MoondreamEncoder(const MoondreamConfig& config, engine::Weights& weights, engine::Ops ops)
      : margin_(config.margin),
        tower_(config.vision, weights, ops, "model.vision."),
        projector_(weights,
                   ops,
                   "model.vision.proj_mlp.fc1",
                   "model.vision.proj_mlp.fc2",
                   2 * config.vision.hidden_size,
                   config.text.hidden_size,
                   engine::Activation::kGeluTanh,
                   true,
                   config.projector_inner) {}

  mx::array encode(const PreparedPicture& prepared,
                   const engine::Guard& guard,
                   const Tap& tap) const override {
    const auto& picture = dynamic_cast<const MoondreamPicture&>(prepared);
    const engine::VisionConfig& vision = tower_.config();
    const TilePixels pixels{picture.pixels.data(),
                            static_cast<int>(picture.tiles),
                            3,
                            vision.image_size,
                            vision.image_size};
    const int patches = vision.grid() * vision.grid();
    const int at_once = engine::VisionTower::tiles_at_once(patches);
    const mx::array all = encode_tiles(pixels, at_once, guard, [&](mx::array&& tiles) {
      return tower_.encode(std::move(tiles), guard, tap);
    });
    const int width = vision.hidden_size;
    const mx::array whole = mx::slice(all, {0, 0}, {patches, width});
    const mx::array crops = mx::slice(all, {patches, 0}, {all.shape(0), width});
    const mx::array pooled =
        guard.watch(pool(crops, static_cast<int>(picture.rows), static_cast<int>(picture.cols)));
    const mx::array features = projector_.project(mx::concatenate({whole, pooled}, 1));
    if (tap) {
      tap("image_features", features);
    }
    return features;
  }

 private:
  /// [crops * s^2, C] -> [s^2, C], in float32.
  mx::array pool(const mx::array& crops, int rows, int cols) const {
    const int side = tower_.config().grid();
    const int width = tower_.config().hidden_size;
    const Stitching stitching{side, margin_, rows, cols};
    const int high = stitching.length(rows);
    const int wide = stitching.length(cols);
    const std::vector<int> order = stitching.order();
    mx::array x =
        mx::take(crops, mx::array(order.data(), {static_cast<int>(order.size())}, mx::int32), 0);
    x = mx::reshape(mx::astype(x, mx::float32), {high, wide * width});
    x = mx::reshape(mx::matmul(averaging(high, side), x), {side, wide, width});
    x = mx::matmul(averaging(wide, side), x);
    return mx::astype(mx::reshape(x, {side * side, width}), crops.dtype());
  }

  int margin_;
  engine::VisionTower tower_;
  engine::Projector projector_;
};

/// The family knows single questions: pictures come first, and what is said before the question is
/// put before it as text.
constexpr std::string_view kTemplate =
    "{% for message in messages %}{% for part in message['content'] if part['type'] == 'image' %}"
    "{{ '<image>' }}{% endfor %}{% endfor %}"
    "{% for message in messages %}{% for part in message['content'] if part['type'] == 'text' %}"
    "{{ part['text'] }}{% endfor %}{% if not loop.last %}{{ '\n\n' }}{% endif %}{% endfor %}";

class Moondream final : public Architecture {
 public:
  explicit Moondream(MoondreamConfig config)
      : config_(std::move(config)), pictures_(std::make_shared<MoondreamPictures>(config_)) {
    notices = config_.notices;
  }

  const engine::DecoderConfig& text() const override { return config_.text; }

  engine::DecoderNames text_names() const override { return {.body = "model.", .fused = true}; }

  std::int32_t image_token() const override { return kImageToken; }

  std::string_view chat_template() const override { return kTemplate; }

  std::vector<std::int32_t> stop_tokens() const override { return {config_.eos}; }

  void check_tokenizer(const text::Tokenizer& tokenizer, const std::string& where) const override;

  std::unique_ptr<VisionEncoder> make_vision(engine::Weights& weights,
                                             engine::Ops ops) const override {
    return std::make_unique<MoondreamEncoder>(config_, weights, ops);
  }

  std::shared_ptr<const PictureProcessor> processor() const override { return pictures_; }

  /// The first token and a picture's see one another.
  void place(std::vector<engine::PromptToken>& prompt,
             std::span<const PreparedPicture* const> pictures) const override {
    if (pictures.empty()) {
      return;
    }
    const std::size_t block = 1 + pictures.front()->features;
    for (std::size_t i = 0; i < std::min(block, prompt.size()); ++i) {
      prompt[i].sees = static_cast<std::int32_t>(block);
    }
  }

  std::vector<std::int32_t> reference_ids(
      std::vector<std::int32_t> ids,
      std::span<const PreparedPicture* const> pictures) const override {
    std::size_t at = 1;
    for (const PreparedPicture* picture : pictures) {
      for (std::uint32_t i = 0; i < picture->features && at < ids.size(); ++i) {
        ids[at++] = kImageToken;
      }
    }
    return ids;
  }

  /// A picture's tokens go in one pass, whatever the chunk.
  void declare(memory::Geometry& geometry) const override { geometry.prefills_in_chunks = false; }

  std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const override;
  memory::PictureCost picture_cost(const PictureSides& sides,
                                   std::uint32_t max_tiles,
                                   const Computing& computing) const override;

 private:
  MoondreamConfig config_;
  std::shared_ptr<const MoondreamPictures> pictures_;
};

/// Published checkpoints hold the tokenizer of an earlier revision.
void Moondream::check_tokenizer(const text::Tokenizer& tokenizer, const std::string& where) const {
  const auto end = tokenizer.token_to_id("<|endoftext|>");
  if (end && *end != config_.bos) {
    throw UsageError(
        "E-TOKENIZER",
        fmt::format("{}: has <|endoftext|> as token {}, and the model as {}: it is the "
                    "tokenizer of an earlier revision (GPT-2's); put tokenizer.json of "
                    "moondream/starmie-v1 in its place",
                    where,
                    *end,
                    config_.bos));
  }
}

/// One picture: pixel_values [tiles, 3, crop, crop], and rows and columns of its crops in tiling.
std::vector<std::unique_ptr<PreparedPicture>> Moondream::reference_pictures(
    const ReferenceInputs& inputs) const {
  const TilePixels pixels = reference_tiles(inputs.pixels);
  const auto tiling = inputs.numbers.find("tiling");
  const bool known = tiling != inputs.numbers.end() && tiling->second.size() == 2 &&
                     tiling->second[0] > 0 && tiling->second[1] > 0;
  if (!known || pixels.tiles != 1 + tiling->second[0] * tiling->second[1] ||
      pixels.height != config_.vision.image_size || pixels.width != config_.vision.image_size) {
    throw InputError("E-PIXELS",
                     fmt::format("pixel_values [1 + rows * columns, 3, {0}, {0}] and rows and "
                                 "columns in tiling are wanted",
                                 config_.vision.image_size));
  }
  auto picture = std::make_unique<MoondreamPicture>();
  picture->pixels.assign(pixels.data, pixels.data + inputs.pixels.size());
  picture->rows = static_cast<std::uint32_t>(tiling->second[0]);
  picture->cols = static_cast<std::uint32_t>(tiling->second[1]);
  picture->tiles = picture->whole_tiles = static_cast<std::uint32_t>(pixels.tiles);
  picture->features = static_cast<std::uint32_t>(config_.features());
  std::vector<std::unique_ptr<PreparedPicture>> pictures;
  pictures.push_back(std::move(picture));
  return pictures;
}

memory::PictureCost Moondream::picture_cost(const PictureSides& sides,
                                            std::uint32_t max_tiles,
                                            const Computing& computing) const {
  const MoondreamCrops crops = moondream_crops(sides.width, sides.height, config_.crops, max_tiles);
  const auto features = static_cast<std::uint64_t>(config_.features());
  const std::uint64_t at_once = tiles_in_pass(crops.tiles(), features);
  memory::PictureCost cost;
  cost.tiles = crops.tiles();
  cost.tokens = static_cast<std::uint32_t>(features);
  cost.decode = Bytes(std::uint64_t{sides.width} * sides.height * 3 + crops.transient_bytes);
  cost.pixels = Bytes(crops.pixel_bytes);
  // Beside the tower's transient stand the features of the tiles before; then they are joined, and
  // stand beside themselves put together, in float32, averaged along one axis and along both; then
  // beside the averages, both kinds side by side, and what is projected.
  const std::uint64_t item = mx::size_of(computing.dtype);
  const std::uint64_t row = static_cast<std::uint64_t>(config_.vision.hidden_size) * item;
  const std::uint64_t all = crops.tiles() * features * row;
  const std::uint64_t pooled =
      features * static_cast<std::uint64_t>(config_.vision.hidden_size) * sizeof(float);
  const std::uint64_t stitched = std::uint64_t{crops.rows} * crops.cols;
  const std::uint64_t pooling = stitched * (features * row + (item < sizeof(float) ? pooled : 0)) +
                                (std::uint64_t{crops.cols} + 2) * pooled;
  const std::uint64_t projector =
      features * (3 * row + 2 * item * static_cast<std::uint64_t>(config_.projector_inner));
  const Bytes tower = tower_transient(config_.vision, computing, features, at_once);
  cost.encode = Bytes(all) + std::max({tower, Bytes(all), Bytes(pooling), Bytes(projector)});
  cost.features = feature_bytes(config_.text, computing, features);
  return cost;
}

/// A published name, whatever stands before its part, as the part and the rest.
std::optional<std::string> with_replaced(
    std::string name, std::initializer_list<std::pair<std::string_view, std::string_view>> pieces) {
  for (const auto& [from, to] : pieces) {
    if (const auto at = name.find(from); at != std::string::npos) {
      name.replace(at, from.size(), to);
    }
  }
  return name;
}

}  // namespace

/// The model's own names, with MLX's for the same things.
std::optional<std::string> moondream_name(const std::string& published) {
  std::string name = published.starts_with("model.") ? published.substr(6) : published;
  if (name.starts_with("region.") || name.starts_with("region_model.")) {
    return std::nullopt;  // what finds things in a picture
  }
  if (name.starts_with("text.")) {
    name = name == "text.wte" ? "text.model.embed_tokens.weight" : name;
    return with_replaced("model." + name.substr(5),
                         {{"model.model.", "model."},
                          {"model.lm_head.", "lm_head."},
                          {".blocks.", ".layers."},
                          {".post_ln.", ".norm."},
                          {".ln.", ".input_layernorm."},
                          {".attn.qkv.", ".self_attn.qkv_proj."},
                          {".attn.proj.", ".self_attn.o_proj."},
                          {".mlp.fc1.", ".mlp.up_proj."},
                          {".mlp.fc2.", ".mlp.down_proj."}});
  }
  if (name.starts_with("vision.")) {
    name = name.ends_with(".pos_emb") ? name + "edding.weight" : name;
    return with_replaced("model." + name,
                         {{".vision.encoder.", ".vision."},
                          {".vision.blocks.", ".vision.encoder.layers."},
                          {".vision.patch_emb.", ".vision.embeddings.patch_embedding."},
                          {".vision.pos_embedding.", ".vision.embeddings.position_embedding."},
                          {".post_ln.", ".post_layernorm."},
                          {".ln1.", ".layer_norm1."},
                          {".ln2.", ".layer_norm2."},
                          {".attn.qkv.", ".self_attn.qkv_proj."},
                          {".attn.proj.", ".self_attn.out_proj."}});
  }
  return published;
}

std::unique_ptr<const Architecture> open_moondream(const ModelFolder& folder) {
  return std::make_unique<Moondream>(
      MoondreamConfig::from_json(folder.config, folder.config_path()));
}

}  // namespace headroom::models
