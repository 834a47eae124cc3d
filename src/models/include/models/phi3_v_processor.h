#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "images/image.h"
#include "images/resize.h"
#include "models/pixel_levels.h"

namespace headroom::models {

/// Settings of Phi3VImageProcessor. A key that is absent or null has the reference's default, which
/// stands here.
struct Phi3VProcessorConfig {
  std::uint32_t num_crops = 1;  ///< at most, the whole picture's not among them
  std::uint32_t side = 336;     ///< of a crop; a constant of the reference
  images::PassOrder pass_order = images::PassOrder::kPillow13;
  PixelSettings pixels{.mean = {0.48145466, 0.4578275, 0.40821073},
                       .std = {0.26862954, 0.26130258, 0.27577711}};

  /// Throws UsageError("E-PROCESSOR") naming the key, its value and what is accepted.
  static Phi3VProcessorConfig from_json(const Json& preprocessor);
  /// Nothing where the folder has no processor's settings. Throws as above, with the folder.
  static std::optional<Phi3VProcessorConfig> load(const std::filesystem::path& folder);
};

/// How one picture becomes crops, from its sides alone.
struct Phi3VCrops {
  bool upright = false;  ///< higher than wide: what follows is of the picture lying on its side
  images::Sides resized;
  std::uint32_t padding = 0;  ///< rows of white above it
  images::Sides padded;       ///< whole crops
  std::uint32_t rows = 0;     ///< crops down and across, the picture standing again
  std::uint32_t cols = 0;
  std::uint64_t transient_bytes = 0;  ///< that process_phi3_v holds at its peak beside its input
  std::uint64_t pixel_bytes = 0;      ///< of the result

  std::uint32_t tiles() const { return 1 + rows * cols; }
};

/// `most`: tiles at most, 0: as the settings say; there are at least two.
/// Source: Microsoft, Phi-3-vision-128k-instruct, image_processing_phi3_v.py, HD_transform.
Phi3VCrops phi3_v_crops(std::uint32_t width,
                        std::uint32_t height,
                        const Phi3VProcessorConfig& config,
                        std::uint32_t most = 0);

/// The picture resized and padded, before it is cut.
images::Image phi3_v_canvas(const images::Image& image,
                            const Phi3VCrops& crops,
                            const Phi3VProcessorConfig& config);

/// Pixels [tiles, 3, side, side]: the whole picture first, then the crops row by row.
/// Thread: any; no shared state.
std::vector<float> process_phi3_v(const images::Image& image,
                                  const Phi3VProcessorConfig& config,
                                  std::uint32_t most = 0);

/// A prompt cut at the pictures' places "<|image_1|>", "<|image_2|>", …: one piece more than there
/// are pictures.
/// Throws: InputError("E-PROMPT-IMAGES") with both numbers when the places are not those of
/// `pictures` pictures in order.
std::vector<std::string> cut_at_pictures(std::string_view prompt, std::size_t pictures);

}  // namespace headroom::models
