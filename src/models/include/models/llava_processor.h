#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "images/image.h"
#include "images/resize.h"
#include "models/llava_config.h"
#include "models/pixel_levels.h"

namespace headroom::models {

/// Settings of CLIPImageProcessor (LLaVA 1.5) and LlavaNextImageProcessor. A key that is absent or
/// null has the reference's default, which stands here.
struct LlavaProcessorConfig {
  bool do_resize = true;
  std::optional<std::uint32_t> shortest_edge = 224;  ///< aspect kept; empty: height and width
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  images::Filter resample = images::Filter::kBicubic;
  images::PassOrder pass_order = images::PassOrder::kPillow13;
  bool do_center_crop = true;
  std::uint32_t crop_height = 224;
  std::uint32_t crop_width = 224;
  PixelSettings pixels{.mean = {0.48145466, 0.4578275, 0.40821073},
                       .std = {0.26862954, 0.26130258, 0.27577711}};
  std::vector<Resolution> resolutions;  ///< LLaVA-NeXT; empty: one tile a picture
  std::string image_token = "<image>";

  /// `next`: for LLaVA-NeXT. `processor`: processor_config.json.
  /// Throws UsageError("E-PROCESSOR") naming the key, its value and what is accepted.
  static LlavaProcessorConfig from_json(const Json& preprocessor,
                                        bool next,
                                        const Json& processor = Json::object());
  /// Nothing where the folder has no processor's settings. Throws as above, with the folder.
  static std::optional<LlavaProcessorConfig> load(const std::filesystem::path& folder, bool next);
};

/// How one picture becomes tiles, from its sides alone: the whole picture, then, row by row, those
/// of the resolution that loses least.
struct LlavaTiles {
  std::uint32_t rows = 0;  ///< tiles down and across behind the first; both 0: the first alone
  std::uint32_t cols = 0;
  std::uint32_t tiles = 1;
  std::uint32_t tile_height = 0;
  std::uint32_t tile_width = 0;
  std::uint64_t transient_bytes = 0;  ///< that process_llava holds at its peak beside its input
  std::uint64_t pixel_bytes = 0;      ///< of the result
};

/// `most`: tiles at most, 0: as the resolutions say. Resolutions of more tiles are not taken; where
/// none is left, the first tile is alone.
/// Source: Transformers 5.24, image_processing_utils.py, select_best_resolution;
/// models/llava_next/image_processing_pil_llava_next.py, get_image_patches.
LlavaTiles llava_tiles(std::uint32_t width,
                       std::uint32_t height,
                       const LlavaProcessorConfig& config,
                       std::uint32_t most = 0);

/// Pixels [tiles, 3, tile_height, tile_width].
/// Thread: any; no shared state.
std::vector<float> process_llava(const images::Image& image,
                                 const LlavaProcessorConfig& config,
                                 std::uint32_t most = 0);

/// The part of a grid of features that shows the picture and not the padding around it.
struct KeptFeatures {
  std::uint32_t top = 0;
  std::uint32_t left = 0;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
};

/// Source: Transformers 5.24, models/llava_next/modeling_llava_next.py, unpad_image.
KeptFeatures unpadded(std::uint32_t picture_width,
                      std::uint32_t picture_height,
                      std::uint32_t grid_cols,
                      std::uint32_t grid_rows);

}  // namespace headroom::models
