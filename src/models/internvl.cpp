// InternVL 3: InternViT over a picture's tiles and the whole of it, neighbouring patches made one
// feature, a norm and two matrices, a decoder.
// Source: Transformers 5.24, models/internvl (modeling_internvl.py, processing_internvl.py).
#include "internvl.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "engine/projector.h"
#include "family_plan.h"
#include "models/internvl_config.h"
#include "models/internvl_processor.h"
#include "models/prompt_places.h"
#include "names.h"
#include "processor_table.h"
#include "text/chat_template.h"
#include "tiles.h"

namespace headroom::models {
namespace {

struct InternVlPicture final : PreparedPicture {
  void drop_pixels() override { pixels = std::vector<float>(); }

  std::vector<float> pixels;  // [tiles, 3, side, side]
};

class InternVlPictures final : public PictureProcessor {
 public:
  InternVlPictures(InternVlProcessorConfig config, std::uint32_t tile_features, bool text_contents)
      : config_(std::move(config)), tile_features_(tile_features), text_contents_(text_contents) {}

  const InternVlProcessorConfig& config() const { return config_; }

  std::unique_ptr<PreparedPicture> prepare(const images::Image& image,
                                           std::uint32_t max_tiles) const override {
    auto picture = std::make_unique<InternVlPicture>();
    picture->pixels = process_internvl(image, config_, max_tiles);
    picture->tiles = internvl_tiles(image.width, image.height, config_, max_tiles).tiles();
    picture->whole_tiles = internvl_tiles(image.width, image.height, config_).tiles();
    picture->features = picture->tiles * tile_features_;
    return picture;
  }

  /// Templates of the layout that was published first take one text a message.
  text::OrderedJson messages(const Conversation& conversation) const override {
    text::OrderedJson messages = text::to_template_messages(conversation);
    if (!text_contents_) {
      return messages;
    }
    for (auto& message : messages) {
      std::string content;
      for (const auto& part : message["content"]) {
        content +=
            part["type"] == "image" ? config_.image_token + "\n" : part["text"].get<std::string>();
      }
      message["content"] = std::move(content);
    }
    return messages;
  }

  /// A place is a single image token; it becomes as many as there are features, between two marks.
  std::string expand(const std::string& prompt,
                     std::span<const PreparedPicture* const> pictures) const override {
    std::vector<std::uint32_t> counts;
    for (const PreparedPicture* picture : pictures) {
      counts.push_back(picture->features);
    }
    return repeat_image_tokens(
        prompt, config_.image_token, counts, config_.start_token, config_.end_token);
  }

 private:
  InternVlProcessorConfig config_;
  std::uint32_t tile_features_;
  bool text_contents_;
};

class InternVlEncoder final : public VisionEncoder {
 public:
  InternVlEncoder(const InternVlConfig& config, engine::Weights& weights, engine::Ops ops)
      : ops_(ops),
        merged_(config.merged),
        tower_(config.vision, weights, ops, "model.vision_tower."),
        norm_(engine::take_layer_norm(weights,
                                      "model.multi_modal_projector.layer_norm",
                                      merged_ * merged_ * config.vision.hidden_size)),
        projector_(weights,
                   ops,
                   "model.multi_modal_projector.linear_1",
                   "model.multi_modal_projector.linear_2",
                   merged_ * merged_ * config.vision.hidden_size,
                   config.text.hidden_size,
                   config.activation,
                   true) {}

  mx::array encode(const PreparedPicture& prepared,
                   const engine::Guard& guard,
                   const Tap& tap) const override {
    const auto& picture = dynamic_cast<const InternVlPicture&>(prepared);
    const int side = tower_.config().image_size;
    const TilePixels pixels{picture.pixels.data(), static_cast<int>(picture.tiles), 3, side, side};
    const int grid = tower_.config().grid();
    const int at_once = engine::VisionTower::tiles_at_once(grid * grid);
    return encode_tiles(pixels, at_once, guard, [&](mx::array&& tiles) {
      const mx::array patches = tower_.encode(std::move(tiles), guard, tap);
      const mx::array merged = merge_patches(patches, grid, grid, merged_);
      return projector_.project(ops_.layer_norm(merged, norm_.weight, norm_.bias, kNormEps));
    });
  }

 private:
  static constexpr float kNormEps = 1e-5F;  // PyTorch's

  engine::Ops ops_;
  int merged_;
  engine::VisionTower tower_;
  engine::LayerNorm norm_;
  engine::Projector projector_;
};

constexpr std::string_view kTemplate =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "{{ '<IMG_CONTEXT>\n' }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// "internvl2_5" of OpenGVLab's conversation.py, with what it says where there is no system
/// message.
constexpr std::string_view kChatTemplate =
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模"
    "态大语言模型。"
    "<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor "
    "%}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

class InternVl final : public Architecture {
 public:
  InternVl(InternVlConfig config, std::shared_ptr<const InternVlPictures> pictures)
      : config_(std::move(config)), pictures_(std::move(pictures)) {
    notices = config_.notices;
  }

  const engine::DecoderConfig& text() const override { return config_.text; }

  std::int32_t image_token() const override { return config_.image_token; }

  std::string_view chat_template() const override {
    return config_.chat ? kChatTemplate : kTemplate;
  }

  std::unique_ptr<VisionEncoder> make_vision(engine::Weights& weights,
                                             engine::Ops ops) const override {
    return std::make_unique<InternVlEncoder>(config_, weights, ops);
  }

  std::shared_ptr<const PictureProcessor> processor() const override { return pictures_; }

  /// All tiles as one picture: which are whose shows in the prompt alone, and the features stand in
  /// the same order.
  std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const override {
    const TilePixels pixels = reference_tiles(inputs.pixels);
    const int side = config_.vision.image_size;
    if (pixels.height != side || pixels.width != side) {
      throw InputError("E-PIXELS",
                       fmt::format("pixel_values [tiles, 3, {0}, {0}] are wanted", side));
    }
    auto picture = std::make_unique<InternVlPicture>();
    picture->pixels.assign(pixels.data, pixels.data + inputs.pixels.size());
    picture->tiles = picture->whole_tiles = static_cast<std::uint32_t>(pixels.tiles);
    picture->features = picture->tiles * static_cast<std::uint32_t>(config_.tile_features());
    std::vector<std::unique_ptr<PreparedPicture>> pictures;
    pictures.push_back(std::move(picture));
    return pictures;
  }

  memory::PictureCost picture_cost(const PictureSides& sides,
                                   std::uint32_t max_tiles,
                                   const Computing& computing) const override;

 private:
  InternVlConfig config_;
  std::shared_ptr<const InternVlPictures> pictures_;
};

memory::PictureCost InternVl::picture_cost(const PictureSides& sides,
                                           std::uint32_t max_tiles,
                                           const Computing& computing) const {
  const InternVlTiles plan =
      internvl_tiles(sides.width, sides.height, pictures_->config(), max_tiles);
  const auto patches = static_cast<std::uint64_t>(config_.vision.grid()) *
                       static_cast<unsigned>(config_.vision.grid());
  const std::uint64_t at_once = tiles_in_pass(plan.tiles(), patches);
  const auto features = static_cast<std::uint64_t>(config_.tile_features());
  memory::PictureCost cost;
  cost.tiles = plan.tiles();
  cost.tokens = static_cast<std::uint32_t>(plan.tiles() * features + 2);  // and the marks
  cost.decode = Bytes(std::uint64_t{sides.width} * sides.height * 3 + plan.transient_bytes);
  cost.pixels = Bytes(plan.pixel_bytes);
  // The tower's; or the merged patches twice, and what is made of them.
  engine::VisionConfig merged = config_.vision;
  merged.hidden_size *= 2 * config_.merged * config_.merged;
  const Bytes projector = projector_transient(merged, config_.text, computing, features * at_once);
  const Bytes tower = tower_transient(config_.vision, computing, patches, at_once);
  cost.encode = std::max(tower, projector);
  cost.features = feature_bytes(config_.text, computing, plan.tiles() * features);
  return cost;
}

std::shared_ptr<const InternVlPictures> make_pictures(const InternVlConfig& config,
                                                      InternVlProcessorConfig settings) {
  return std::make_shared<InternVlPictures>(std::move(settings),
                                            static_cast<std::uint32_t>(config.tile_features()),
                                            config.chat.has_value());
}

/// The id of an added token by tokenizer_config.json, where that is there and has it.
int named_token(const std::filesystem::path& folder, const std::string& token, int otherwise) {
  const auto path = folder / "tokenizer_config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return otherwise;
  }
  const Json table = engine::read_checkpoint_json(path);
  const Json* added = processor_table::find(table, "added_tokens_decoder");
  if (added == nullptr || !added->is_object()) {
    return otherwise;
  }
  for (const auto& [id, entry] : added->items()) {
    std::string content;
    processor_table::read_token(Json{{"token", entry}}, "token", content);
    if (content == token && !id.empty() &&
        id.find_first_not_of("0123456789") == std::string::npos) {
      return std::stoi(id.substr(0, 9));
    }
  }
  return otherwise;
}

/// A name of the tower's as engine/vision_tower.h has it.
std::string tower_name(std::string name) {
  for (const std::string_view positions : {".position_embeddings", ".position_embedding"}) {
    if (name.ends_with(positions)) {
      return name.substr(0, name.size() - positions.size()) + ".position_embedding.weight";
    }
  }
  constexpr std::pair<std::string_view, std::string_view> kPieces[] = {
      {".embeddings.cls_token", ".embeddings.class_embedding"},
      {".embeddings.patch_embeddings.projection.", ".embeddings.patch_embedding."},
      {".encoder.layer.", ".encoder.layers."},
      {".attention.projection_layer.", ".self_attn.out_proj."},
      {".attention.", ".self_attn."},
      {".layernorm_before.", ".layer_norm1."},
      {".layernorm_after.", ".layer_norm2."},
      {".lambda_1", ".layer_scale1"},
      {".lambda_2", ".layer_scale2"},
      {"vision_tower.layernorm.", "vision_tower.post_layernorm."},
      // As it was published first.
      {".attn.qkv.", ".self_attn.qkv_proj."},
      {".attn.proj.", ".self_attn.out_proj."},
      {".attn.", ".self_attn."},
      {".norm1.", ".layer_norm1."},
      {".norm2.", ".layer_norm2."},
      {".ls1", ".layer_scale1"},
      {".ls2", ".layer_scale2"}};
  for (const auto& [from, to] : kPieces) {
    if (const auto at = name.find(from); at != std::string::npos) {
      name.replace(at, from.size(), to);
    }
  }
  return name;
}

}  // namespace

/// Transformers 5 ("model.language_model.…"), older files ("language_model.model.…"), and
/// OpenGVLab's ("vision_model.…", "mlp1.…").
std::optional<std::string> internvl_name(const std::string& published) {
  const auto name = renamed(published,
                            {{"language_model.lm_head.", "lm_head."},
                             {"language_model.model.", "model.language_model."},
                             {"vision_tower.", "model.vision_tower."},
                             {"vision_model.", "model.vision_tower."},
                             {"mlp1.0.", "model.multi_modal_projector.layer_norm."},
                             {"mlp1.1.", "model.multi_modal_projector.linear_1."},
                             {"mlp1.3.", "model.multi_modal_projector.linear_2."},
                             {"multi_modal_projector.", "model.multi_modal_projector."}});
  return name && name->starts_with("model.vision_tower.") ? tower_name(*name) : name;
}

std::unique_ptr<const Architecture> open_internvl(const ModelFolder& folder) {
  InternVlConfig config = InternVlConfig::from_json(folder.config, folder.config_path());
  std::shared_ptr<const InternVlPictures> pictures;
  if (auto settings = InternVlProcessorConfig::load(folder.folder)) {
    processor_table::check_tile_sides(
        settings->side, settings->side, config.vision.image_size, folder.folder);
    pictures = make_pictures(config, std::move(*settings));
  }
  return std::make_unique<InternVl>(std::move(config), std::move(pictures));
}

std::unique_ptr<const Architecture> open_internvl_chat(const ModelFolder& folder) {
  InternVlConfig config = InternVlConfig::from_chat_json(folder.config, folder.config_path());
  config.image_token = named_token(folder.folder, config.chat->image_token, config.image_token);
  if (config.image_token >= config.text.vocabulary) {
    throw UsageError("E-CONFIG",
                     fmt::format("{}: {} is token {} by tokenizer_config.json, outside of the "
                                 "vocabulary of {}",
                                 folder.config_path(),
                                 config.chat->image_token,
                                 config.image_token,
                                 config.text.vocabulary));
  }
  auto pictures = make_pictures(config, *config.chat);
  return std::make_unique<InternVl>(std::move(config), std::move(pictures));
}

}  // namespace headroom::models
