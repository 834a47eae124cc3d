// PaliGemma and PaliGemma 2: SigLIP, one matrix, a Gemma or Gemma 2 that sees the whole prompt at
// once. Answers are made causally behind it.
// Source: Transformers 5.17, models/paligemma/modeling_paligemma.py, processing_paligemma.py.
#include "paligemma.h"

#include <algorithm>

#include "base/errors.h"
#include "engine/layers.h"
#include "gemma_parts.h"
#include "models/paligemma_config.h"
#include "models/prompt_places.h"

namespace headroom::models {
namespace {

constexpr std::string_view kImage = "<image>";

class PaliGemmaPictures final : public PictureProcessor {
 public:
  PaliGemmaPictures(const SiglipProcessorConfig& config, std::uint32_t features)
      : config_(config), features_(features) {}

  const SiglipProcessorConfig& config() const { return config_; }

  std::unique_ptr<PreparedPicture> prepare(const images::Image& image,
                                           std::uint32_t max_tiles) const override {
    return prepare_siglip(image, config_, max_tiles, features_);
  }

  std::string expand(const std::string& prompt,
                     std::span<const PreparedPicture* const> pictures) const override {
    std::vector<std::string> texts;
    for (const PreparedPicture* picture : pictures) {
      std::string& text = texts.emplace_back();
      for (std::uint32_t i = 0; i < picture->features; ++i) {
        text += kImage;
      }
    }
    return fill_places(prompt, kImage, texts);
  }

  /// Behind the last picture stands the tokenizer's first token, and at the end a line's end: the
  /// reference's processor writes both.
  std::vector<std::int32_t> tokens(const std::string& prompt,
                                   std::span<const PreparedPicture* const> pictures,
                                   const text::Tokenizer& tokenizer) const override {
    const auto& first = tokenizer.bos_token();
    if (!first) {
      throw UsageError("E-TOKENIZER",
                       "tokenizer_config.json names no bos_token, which stands in each prompt of "
                       "PaliGemma");
    }
    const std::size_t last = prompt.rfind(kImage);
    const std::size_t at = last == std::string::npos ? 0 : last + kImage.size();
    const std::string whole = prompt.substr(0, at) + *first + prompt.substr(at) + "\n";
    return tokenizer.encode(expand(whole, pictures), false);
  }

 private:
  SiglipProcessorConfig config_;
  std::uint32_t features_;  // of a picture
};

class PaliGemmaEncoder final : public VisionEncoder {
 public:
  PaliGemmaEncoder(const PaliGemmaConfig& config, engine::Weights& weights, engine::Ops ops)
      : ops_(ops),
        tower_(config.vision, weights, ops, "model.vision_tower."),
        projector_(engine::take_linear(weights,
                                       "model.multi_modal_projector.linear",
                                       config.text.hidden_size,
                                       config.vision.hidden_size)) {}

  mx::array encode(const PreparedPicture& picture,
                   const engine::Guard& guard,
                   const Tap& tap) const override {
    return encode_siglip(picture, tower_, guard, [&](mx::array&& tiles) {
      mx::array x = tower_.encode(std::move(tiles), guard, tap);
      x = ops_.linear(x, projector_.weight, projector_.bias);
      if (tap) {
        tap("projector", x);
      }
      return x;
    });
  }

 private:
  engine::Ops ops_;
  engine::VisionTower tower_;
  engine::Linear projector_;
};

/// The model has no roles: its prompt is the pictures, then the text. Messages are lines of it.
constexpr std::string_view kTemplate =
    "{% for message in messages %}{% for part in message['content'] if part['type'] == 'image' %}"
    "{{ '<image>' }}{% endfor %}{% endfor %}"
    "{% for message in messages %}{% if not loop.first %}{{ '\n' }}{% endif %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% endfor %}";

class PaliGemma final : public Architecture {
 public:
  PaliGemma(PaliGemmaConfig config, std::shared_ptr<const PaliGemmaPictures> pictures)
      : config_(std::move(config)), pictures_(std::move(pictures)) {
    notices = config_.notices;
  }

  const engine::DecoderConfig& text() const override { return config_.text; }

  std::int32_t image_token() const override { return config_.image_token; }

  std::string_view chat_template() const override { return kTemplate; }

  /// The reference's processor refuses a prompt without one.
  bool needs_picture() const override { return true; }

  std::unique_ptr<VisionEncoder> make_vision(engine::Weights& weights,
                                             engine::Ops ops) const override {
    return std::make_unique<PaliGemmaEncoder>(config_, weights, ops);
  }

  std::shared_ptr<const PictureProcessor> processor() const override { return pictures_; }

  std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const override {
    return reference_siglip(inputs.pixels, static_cast<std::uint32_t>(config_.features()));
  }

  memory::PictureCost picture_cost(const PictureSides& sides,
                                   std::uint32_t max_tiles,
                                   const Computing& computing) const override {
    const auto features = static_cast<std::uint32_t>(config_.features());
    const SiglipTiles tiles =
        siglip_tiles(sides.width, sides.height, pictures_->config(), max_tiles);
    memory::PictureCost cost =
        siglip_cost(sides, tiles, features, config_.vision, config_.text, computing);
    cost.tokens = features;
    return cost;
  }

  /// Each token of a prompt sees all of it.
  void place(std::vector<engine::PromptToken>& prompt,
             std::span<const PreparedPicture* const> /*pictures*/) const override {
    for (engine::PromptToken& token : prompt) {
      token.sees = static_cast<std::int32_t>(prompt.size());
    }
  }

  /// So no two prompts begin alike, and none can be cut.
  void declare(memory::Geometry& geometry) const override {
    geometry.shares_prefix = false;
    geometry.prefills_in_chunks = false;
  }

 private:
  PaliGemmaConfig config_;
  std::shared_ptr<const PaliGemmaPictures> pictures_;
};

}  // namespace

std::unique_ptr<const Architecture> open_paligemma(const ModelFolder& folder) {
  PaliGemmaConfig config = PaliGemmaConfig::from_json(folder.config, folder.config_path());
  const auto features = static_cast<std::uint32_t>(config.features());
  std::shared_ptr<const PaliGemmaPictures> pictures;
  if (auto settings = load_siglip(folder.folder, config.vision, features, false)) {
    pictures = std::make_shared<PaliGemmaPictures>(*settings, features);
  }
  return std::make_unique<PaliGemma>(std::move(config), std::move(pictures));
}

}  // namespace headroom::models
