// Qwen2-VL, Qwen2.5-VL and Qwen3-VL: a picture of any grid, positions in time, height and width.
// Source: Transformers 5.17, models/qwen2_vl, qwen2_5_vl, qwen3_vl (modeling_….py).
#include "qwen_vl.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/errors.h"
#include "engine/evaluate.h"
#include "family_plan.h"
#include "models/prompt_places.h"
#include "models/qwen_tower.h"
#include "models/qwen_vl_config.h"
#include "models/qwen_vl_processor.h"
#include "names.h"

namespace headroom::models {
namespace {

struct QwenPicture final : PreparedPicture {
  void drop_pixels() override { pixels = std::vector<float>(); }

  std::vector<float> pixels;  // as QwenPatches
  std::uint32_t frames = 1;
  std::uint32_t rows = 0;  // patches down and across
  std::uint32_t cols = 0;
};

/// A picture of one grid, without its pixels.
std::unique_ptr<QwenPicture> picture_of(std::uint32_t rows,
                                        std::uint32_t cols,
                                        std::uint32_t merge) {
  auto picture = std::make_unique<QwenPicture>();
  picture->rows = rows;
  picture->cols = cols;
  picture->tiles = picture->whole_tiles = 1;
  picture->features = (rows / merge) * (cols / merge);
  return picture;
}

class QwenPictures final : public PictureProcessor {
 public:
  explicit QwenPictures(QwenVlProcessorConfig config) : config_(std::move(config)) {}

  const QwenVlProcessorConfig& config() const { return config_; }

  std::unique_ptr<PreparedPicture> prepare(const images::Image& image,
                                           std::uint32_t /*max_tiles*/) const override {
    const QwenGrid grid = qwen_grid(image.width, image.height, config_);
    auto picture = picture_of(grid.rows, grid.cols, config_.merge);
    picture->pixels = qwen_patches(image, config_);
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
  QwenVlProcessorConfig config_;
};

class QwenEncoder final : public VisionEncoder {
 public:
  QwenEncoder(const QwenVisionConfig& config, engine::Weights& weights, engine::Ops ops)
      : tower_(config, weights, ops) {}

  mx::array encode(const PreparedPicture& prepared,
                   const engine::Guard& guard,
                   const Tap& tap) const override {
    const auto& picture = dynamic_cast<const QwenPicture&>(prepared);
    mx::array features = tower_.encode({picture.pixels.data(),
                                        static_cast<int>(picture.rows),
                                        static_cast<int>(picture.cols),
                                        static_cast<int>(picture.frames)},
                                       guard,
                                       tap);
    guard.foresee({features});
    engine::evaluate(features);
    return features;
  }

 private:
  QwenTower tower_;
};

/// Positions of a prompt's tokens in time, height and width. A picture stands at one time, its
/// features at their rows and columns from there on; what follows goes on behind its longer side.
void place_tokens(std::vector<engine::PromptToken>& prompt,
                  std::span<const PreparedPicture* const> pictures,
                  std::uint32_t merge) {
  if (pictures.empty()) {
    return;  // positions are the plain ones
  }
  std::int32_t next = 0;
  std::size_t used = 0;
  for (std::size_t i = 0; i < prompt.size();) {
    if (prompt[i].feature < 0 || used == pictures.size()) {
      prompt[i++].position.fill(next++);
      continue;
    }
    const auto& picture = dynamic_cast<const QwenPicture&>(*pictures[used++]);
    const auto rows = static_cast<std::int32_t>(picture.rows / merge);
    const auto cols = static_cast<std::int32_t>(picture.cols / merge);
    for (std::int32_t at = 0; at < rows * cols && i < prompt.size(); ++at, ++i) {
      prompt[i].position = {next, next + at / cols, next + at % cols};
    }
    next += std::max(rows, cols);
  }
}

constexpr std::string_view kMessages =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
constexpr std::string_view kMessagesBehindSystem =
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

class QwenVl final : public Architecture {
 public:
  QwenVl(QwenVlConfig config, std::shared_ptr<const QwenPictures> pictures)
      : config_(std::move(config)), pictures_(std::move(pictures)) {
    notices = config_.notices;
  }

  const engine::DecoderConfig& text() const override { return config_.text; }

  std::int32_t image_token() const override { return config_.image_token; }

  std::string_view chat_template() const override {
    return config_.generation == QwenVlConfig::Generation::k3 ? kMessages : kMessagesBehindSystem;
  }

  std::unique_ptr<VisionEncoder> make_vision(engine::Weights& weights,
                                             engine::Ops ops) const override {
    return std::make_unique<QwenEncoder>(config_.vision, weights, ops);
  }

  std::shared_ptr<const PictureProcessor> processor() const override { return pictures_; }

  void place(std::vector<engine::PromptToken>& prompt,
             std::span<const PreparedPicture* const> pictures) const override {
    place_tokens(prompt, pictures, static_cast<std::uint32_t>(config_.vision.merge));
  }

  std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const override;
  memory::PictureCost picture_cost(const PictureSides& sides,
                                   std::uint32_t max_tiles,
                                   const Computing& computing) const override;

 private:
  QwenVlConfig config_;
  std::shared_ptr<const QwenPictures> pictures_;
};

/// Rows of pixel_values are patches, their channels written out for each frame; image_grid_thw says
/// which picture has how many.
std::vector<std::unique_ptr<PreparedPicture>> QwenVl::reference_pictures(
    const ReferenceInputs& inputs) const {
  const auto grids = inputs.numbers.find("image_grid_thw");
  if (grids == inputs.numbers.end() || grids->second.empty() || grids->second.size() % 3 != 0) {
    throw InputError("E-PIXELS",
                     "image_grid_thw: time, height and width of each picture are wanted");
  }
  const QwenVisionConfig& vision = config_.vision;
  const std::size_t numbers =
      static_cast<std::size_t>(vision.patch_numbers()) * static_cast<std::size_t>(vision.frames);
  std::size_t from = 0;
  std::vector<std::unique_ptr<PreparedPicture>> pictures;
  for (std::size_t i = 0; i < grids->second.size(); i += 3) {
    const std::int32_t* grid = grids->second.data() + i;
    if (grid[0] != 1 || grid[1] < 1 || grid[2] < 1 || grid[1] % vision.merge != 0 ||
        grid[2] % vision.merge != 0) {
      throw InputError("E-PIXELS",
                       fmt::format("image_grid_thw holds {} x {} x {}; one frame of sides that {} "
                                   "divides is wanted",
                                   grid[0],
                                   grid[1],
                                   grid[2],
                                   vision.merge));
    }
    const auto rows = static_cast<std::uint32_t>(grid[1]);
    const auto cols = static_cast<std::uint32_t>(grid[2]);
    const std::size_t patches_left = (inputs.pixels.size() - from) / numbers;
    if (rows > patches_left / cols) {  // their product need not be a whole number of 64 bits
      throw InputError("E-PIXELS",
                       fmt::format("image_grid_thw has a picture of {} x {} patches; pixel_values "
                                   "of {} numbers has {} patches of {} left for it",
                                   rows,
                                   cols,
                                   inputs.pixels.size(),
                                   patches_left,
                                   numbers));
    }
    auto picture = picture_of(rows, cols, static_cast<std::uint32_t>(vision.merge));
    picture->frames = static_cast<std::uint32_t>(vision.frames);
    const std::size_t count = std::size_t{rows} * cols * numbers;
    const float* pixels = inputs.pixels.data<float>() + from;
    picture->pixels.assign(pixels, pixels + count);
    from += count;
    pictures.push_back(std::move(picture));
  }
  if (from != inputs.pixels.size()) {
    throw InputError("E-PIXELS",
                     fmt::format("pixel_values holds {} numbers; the pictures of image_grid_thw "
                                 "have {} in patches of {}",
                                 inputs.pixels.size(),
                                 from,
                                 numbers));
  }
  return pictures;
}

memory::PictureCost QwenVl::picture_cost(const PictureSides& sides,
                                         std::uint32_t /*max_tiles*/,
                                         const Computing& computing) const {
  memory::PictureCost cost;
  cost.tiles = 1;
  cost.decode = Bytes(std::uint64_t{sides.width} * sides.height * 3);
  QwenGrid grid;
  try {
    grid = qwen_grid(sides.width, sides.height, pictures_->config());
  } catch (const InputError&) {
    return cost;  // the picture is decoded and then refused
  }
  const std::uint64_t features =
      grid.patches() / static_cast<std::uint64_t>(config_.vision.merged());
  cost.tokens = static_cast<std::uint32_t>(features + 2);  // <|vision_start|>, <|vision_end|>
  cost.decode += Bytes(grid.transient_bytes);
  cost.pixels = Bytes(grid.pixel_bytes);
  cost.encode = qwen_tower_transient(config_.vision, computing, grid.patches());
  cost.features = feature_bytes(
      config_.text, computing, features * static_cast<std::uint64_t>(config_.vision.sets()));
  return cost;
}

void check_settings(const QwenVisionConfig& vision,
                    const QwenVlProcessorConfig& settings,
                    const std::string& where) {
  const auto check = [&](const char* key, std::uint32_t ours, int theirs) {
    if (ours != static_cast<std::uint32_t>(theirs)) {
      throw UsageError("E-PROCESSOR",
                       fmt::format("{}: {} of preprocessor_config.json is {}, and the vision tower "
                                   "of config.json has {}",
                                   where,
                                   key,
                                   ours,
                                   theirs));
    }
  };
  check("patch_size", settings.patch_size, vision.patch_size);
  check("merge_size", settings.merge, vision.merge);
  check("temporal_patch_size", settings.frames, vision.frames);
}

}  // namespace

/// Transformers since 4.52 ("model.language_model.…", "model.visual.…"), older files ("model.…",
/// "visual.…"), and MLX's ("language_model.model.…", "vision_tower.…").
std::optional<std::string> qwen_vl_name(const std::string& published) {
  auto name = renamed(published,
                      {{"language_model.lm_head.", "lm_head."},
                       {"language_model.model.", "model.language_model."},
                       {"model.language_model.", "model.language_model."},
                       {"model.visual.", "visual."},
                       {"vision_tower.", "visual."},
                       {"model.", "model.language_model."}});
  if (!name || !name->starts_with("visual.")) {
    return name;
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kInner = {
      {{".linear_fc1.", ".fc1."},
       {".linear_fc2.", ".fc2."},
       {".merger.ln_q.", ".merger.norm."},
       {".merger.mlp.0.", ".merger.fc1."},
       {".merger.mlp.2.", ".merger.fc2."}}};
  for (const auto& [from, to] : kInner) {
    if (const auto at = name->find(from); at != std::string::npos) {
      name->replace(at, from.size(), to);
    }
  }
  return name;
}

std::unique_ptr<const Architecture> open_qwen_vl(const ModelFolder& folder) {
  QwenVlConfig config = QwenVlConfig::from_json(folder.config, folder.config_path());
  std::shared_ptr<const QwenPictures> pictures;
  if (auto settings = QwenVlProcessorConfig::load(folder.folder)) {
    check_settings(config.vision, *settings, folder.folder.string());
    pictures = std::make_shared<QwenPictures>(std::move(*settings));
  }
  return std::make_unique<QwenVl>(std::move(config), std::move(pictures));
}

}  // namespace headroom::models
