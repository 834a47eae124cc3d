#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "images/image.h"
#include "images/resize.h"
#include "models/pixel_levels.h"

namespace headroom::models {

/// Settings of GotOcr2ImageProcessor as InternVLProcessor uses it: pictures are cut whatever
/// crop_to_patches says. A key that is absent or null has the default that stands here.
struct InternVlProcessorConfig {
  std::uint32_t side = 448;  ///< of a tile
  std::uint32_t min_tiles = 1;
  std::uint32_t max_tiles = 12;  ///< the whole picture's not among them
  images::Filter resample = images::Filter::kBicubic;
  images::PassOrder pass_order = images::PassOrder::kPillow13;
  PixelSettings pixels{.mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225}};
  std::string image_token = "<IMG_CONTEXT>";
  std::string start_token = "<img>";
  std::string end_token = "</img>";

  /// `tokenizer`: tokenizer_config.json, which names the tokens.
  /// Throws UsageError("E-PROCESSOR") naming the key, its value and what is accepted.
  static InternVlProcessorConfig from_json(const Json& preprocessor,
                                           const Json& tokenizer = Json::object());
  /// Nothing where the folder has no processor's settings. Throws as above, with the folder.
  static std::optional<InternVlProcessorConfig> load(const std::filesystem::path& folder);
};

/// How one picture becomes tiles, from its sides alone: row by row, and the whole picture last
/// where there is more than one.
struct InternVlTiles {
  std::uint32_t rows = 1;
  std::uint32_t cols = 1;
  std::uint64_t transient_bytes = 0;  ///< that process_internvl holds at its peak beside its input
  std::uint64_t pixel_bytes = 0;      ///< of the result

  std::uint32_t tiles() const { return rows * cols == 1 ? 1 : rows * cols + 1; }
};

/// `most`: tiles at most, 0: as the settings say.
/// Source: Transformers 5.24, models/got_ocr2/image_processing_pil_got_ocr2.py,
/// get_optimal_tiled_canvas.
InternVlTiles internvl_tiles(std::uint32_t width,
                             std::uint32_t height,
                             const InternVlProcessorConfig& config,
                             std::uint32_t most = 0);

/// Pixels [tiles, 3, side, side].
/// Thread: any; no shared state.
std::vector<float> process_internvl(const images::Image& image,
                                    const InternVlProcessorConfig& config,
                                    std::uint32_t most = 0);

}  // namespace headroom::models
