#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/json.h"
#include "images/image.h"
#include "images/resize.h"
#include "models/pixel_levels.h"

namespace headroom::models {

/// Crops that are seen beside a picture that is far from square (pan and scan).
struct PanAndScan {
  std::uint32_t least_side = 256;  ///< of a crop
  std::uint32_t most_crops = 4;
  double least_ratio = 1.2;  ///< of the picture's sides
};

/// Settings of SiglipImageProcessor (PaliGemma) and Gemma3ImageProcessor: each picture becomes a
/// tile of one size, its aspect not kept. A key that is absent or null has the reference's default,
/// which stands here.
struct SiglipProcessorConfig {
  std::uint32_t height = 224;
  std::uint32_t width = 224;
  images::Filter resample = images::Filter::kBicubic;
  images::PassOrder pass_order = images::PassOrder::kPillow13;
  PixelSettings pixels;
  std::optional<PanAndScan> crops;  ///< Gemma 3, where do_pan_and_scan is true

  /// `gemma3`: for Gemma3ImageProcessor.
  /// Throws UsageError("E-PROCESSOR") naming the key, its value and what is accepted.
  static SiglipProcessorConfig from_json(const Json& preprocessor, bool gemma3);
};

/// How one picture becomes tiles, from its sides alone: the whole picture, then its crops, row by
/// row.
struct SiglipTiles {
  std::uint32_t rows = 0;  ///< of crops; both 0: none
  std::uint32_t cols = 0;
  std::uint32_t tiles = 1;
  std::uint64_t transient_bytes = 0;  ///< that process_siglip holds at its peak beside its input
  std::uint64_t pixel_bytes = 0;      ///< of the result
};

/// `most`: tiles at most, 0: as the settings say. One that leaves no room for two crops leaves
/// none. Source: Transformers 5.17, models/gemma3/image_processing_pil_gemma3.py, pan_and_scan.
SiglipTiles siglip_tiles(std::uint32_t width,
                         std::uint32_t height,
                         const SiglipProcessorConfig& config,
                         std::uint32_t most = 0);

/// Pixels [tiles, 3, height, width].
/// Thread: any; no shared state.
std::vector<float> process_siglip(const images::Image& image,
                                  const SiglipProcessorConfig& config,
                                  std::uint32_t most = 0);

}  // namespace headroom::models
