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

/// Settings of Qwen2VLImageProcessor, which all Qwen-VL families have. A key that is absent or null
/// has the reference's default, which stands here.
struct QwenVlProcessorConfig {
  bool do_resize = true;
  std::uint64_t min_pixels = 56 * 56;  ///< "shortest_edge" of "size", or by this name
  std::uint64_t max_pixels = 28 * 28 * 1280;
  std::uint32_t patch_size = 14;
  std::uint32_t frames = 2;  ///< "temporal_patch_size"
  std::uint32_t merge = 2;
  images::Filter resample = images::Filter::kBicubic;
  /// torchvision's where the files name the "fast" processor, else Pillow's.
  images::PassOrder pass_order = images::PassOrder::kPillow13;
  PixelSettings pixels{.mean = {0.48145466, 0.4578275, 0.40821073},
                       .std = {0.26862954, 0.26130258, 0.27577711}};
  std::string image_token = "<|image_pad|>";

  /// Pixels of a side that end in one feature.
  std::uint32_t factor() const { return patch_size * merge; }

  /// `preprocessor`: what the picture processor's settings are read from; `tokenizer`:
  /// tokenizer_config.json.
  /// Throws UsageError("E-PROCESSOR") naming the key, its value and what is accepted.
  static QwenVlProcessorConfig from_json(const Json& preprocessor,
                                         const Json& processor = Json::object(),
                                         const Json& tokenizer = Json::object());
  /// Nothing where the folder has no processor's settings. Throws as above, with the folder.
  static std::optional<QwenVlProcessorConfig> load(const std::filesystem::path& folder);
};

/// How one picture becomes patches, from its sides alone.
struct QwenGrid {
  std::uint32_t rows = 0;  ///< patches down
  std::uint32_t cols = 0;
  std::uint64_t transient_bytes = 0;  ///< that qwen_patches holds at its peak beside its input
  std::uint64_t pixel_bytes = 0;      ///< of the result

  std::uint64_t patches() const { return std::uint64_t{rows} * cols; }
};

/// Sides that the factor divides, with about the picture's aspect and as many pixels as the
/// settings allow.
/// Throws: InputError("E-IMG-ASPECT") for a side more than 200 times the other, as the reference
/// does; InputError("E-IMG-SIZE") where pictures are not resized and the factor does not divide the
/// sides.
/// Source: Transformers 5.17, models/qwen2_vl/image_processing_pil_qwen2_vl.py, smart_resize.
QwenGrid qwen_grid(std::uint32_t width, std::uint32_t height, const QwenVlProcessorConfig& config);

/// Patches in the order of the squares of `merge` by `merge` of them: [rows * cols, 3, patch_size,
/// patch_size]. The reference writes each channel `frames` times; a still picture's are all alike,
/// so they are written once.
/// Thread: any; no shared state.
std::vector<float> qwen_patches(const images::Image& image, const QwenVlProcessorConfig& config);

}  // namespace headroom::models
