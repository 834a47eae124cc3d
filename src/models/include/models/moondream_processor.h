#pragma once

#include <cstdint>
#include <vector>

#include "images/image.h"
#include "images/resize.h"

namespace headroom::models {

/// How Moondream 2 cuts pictures; the sizes are those of its configuration.
struct MoondreamCropSettings {
  std::uint32_t crop = 378;      ///< side, pixels
  std::uint32_t margin = 56;     ///< pixels of a crop's edge that its neighbour has too
  std::uint32_t max_crops = 12;  ///< at most, the whole picture's not among them
  images::PassOrder pass_order = images::PassOrder::kPillow13;

  std::uint32_t window() const { return crop - 2 * margin; }
};

/// How one picture becomes crops, from its sides alone.
struct MoondreamCrops {
  std::uint32_t rows = 1;
  std::uint32_t cols = 1;
  images::Sides canvas;               ///< that the crops are cut from; the aspect is not kept
  std::uint64_t transient_bytes = 0;  ///< that process_moondream holds at its peak beside its input
  std::uint64_t pixel_bytes = 0;      ///< of the result

  std::uint32_t tiles() const { return 1 + rows * cols; }
};

/// `most`: tiles at most, 0: as the settings say; there are at least two.
/// Source: vikhyat/moondream 44146f1, moondream/torch/image_crops.py, select_tiling.
MoondreamCrops moondream_crops(std::uint32_t width,
                               std::uint32_t height,
                               const MoondreamCropSettings& settings,
                               std::uint32_t most = 0);

/// Pixels [tiles, 3, crop, crop]: the whole picture first, then the crops row by row, resized by
/// Pillow's Lanczos as the reference does without libvips.
/// Thread: any; no shared state.
/// Source: the same, overlap_crop_image; vision.py, prepare_crops.
std::vector<float> process_moondream(const images::Image& image,
                                     const MoondreamCropSettings& settings,
                                     std::uint32_t most = 0);

}  // namespace headroom::models
