#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/decoder.h"
#include "engine/vision_tower.h"
#include "models/architecture.h"
#include "models/registry.h"
#include "models/siglip_processor.h"

/// What PaliGemma and Gemma 3 share: SigLIP looks at tiles of one size, each of which becomes so
/// many features.
namespace headroom::models {

struct SiglipPicture final : PreparedPicture {
  void drop_pixels() override { pixels = std::vector<float>(); }

  std::vector<float> pixels;  // [tiles, 3, height, width]
  std::uint32_t height = 0;
  std::uint32_t width = 0;
};

std::unique_ptr<SiglipPicture> prepare_siglip(const images::Image& image,
                                              const SiglipProcessorConfig& config,
                                              std::uint32_t max_tiles,
                                              std::uint32_t tile_features);

/// Each tile of a reference's pixel_values as a picture.
/// Throws: as reference_tiles.
std::vector<std::unique_ptr<PreparedPicture>> reference_siglip(const mx::array& pixels,
                                                               std::uint32_t tile_features);

/// Some tiles at a time through `encode`, as encode_tiles.
mx::array encode_siglip(const PreparedPicture& picture,
                        const engine::VisionTower& tower,
                        const engine::Guard& guard,
                        const std::function<mx::array(mx::array&&)>& encode);

/// All but the positions in the prompt.
memory::PictureCost siglip_cost(const PictureSides& sides,
                                const SiglipTiles& tiles,
                                std::uint32_t tile_features,
                                const engine::VisionConfig& vision,
                                const engine::DecoderConfig& text,
                                const Computing& computing);

/// The folder's settings; nothing where it has none.
/// Throws: UsageError("E-PROCESSOR") as SiglipProcessorConfig::from_json with the folder, and where
/// they make tiles that the tower does not take, or a prompt with another number of image tokens.
std::optional<SiglipProcessorConfig> load_siglip(const std::filesystem::path& folder,
                                                 const engine::VisionConfig& vision,
                                                 std::uint32_t tile_features,
                                                 bool gemma3);

}  // namespace headroom::models
