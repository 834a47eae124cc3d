#include "gemma_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "family_plan.h"
#include "processor_table.h"
#include "tiles.h"

namespace headroom::models {
namespace {

void check_length(const Json& table, std::uint32_t tile_features, const std::string& where) {
  const Json* length = processor_table::find(table, "image_seq_length");
  if (length != nullptr && *length != tile_features) {
    throw UsageError(
        "E-PROCESSOR",
        fmt::format("{}: \"image_seq_length\" is {}, and config.json makes {} features "
                    "of a picture",
                    where,
                    dump_json(*length),
                    tile_features));
  }
}

}  // namespace

std::unique_ptr<SiglipPicture> prepare_siglip(const images::Image& image,
                                              const SiglipProcessorConfig& config,
                                              std::uint32_t max_tiles,
                                              std::uint32_t tile_features) {
  auto picture = std::make_unique<SiglipPicture>();
  picture->pixels = process_siglip(image, config, max_tiles);
  picture->height = config.height;
  picture->width = config.width;
  picture->tiles = siglip_tiles(image.width, image.height, config, max_tiles).tiles;
  picture->whole_tiles = siglip_tiles(image.width, image.height, config).tiles;
  picture->features = picture->tiles * tile_features;
  return picture;
}

std::vector<std::unique_ptr<PreparedPicture>> reference_siglip(const mx::array& pixels,
                                                               std::uint32_t tile_features) {
  const TilePixels tiles = reference_tiles(pixels);
  const std::ptrdiff_t size = std::ptrdiff_t{3} * tiles.height * tiles.width;
  std::vector<std::unique_ptr<PreparedPicture>> pictures;
  for (int tile = 0; tile < tiles.tiles; ++tile) {
    auto picture = std::make_unique<SiglipPicture>();
    picture->pixels.assign(tiles.data + tile * size, tiles.data + (tile + 1) * size);
    picture->height = static_cast<std::uint32_t>(tiles.height);
    picture->width = static_cast<std::uint32_t>(tiles.width);
    picture->tiles = picture->whole_tiles = 1;
    picture->features = tile_features;
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

mx::array encode_siglip(const PreparedPicture& prepared,
                        const engine::VisionTower& tower,
                        const engine::Guard& guard,
                        const std::function<mx::array(mx::array&&)>& encode) {
  const auto& picture = dynamic_cast<const SiglipPicture&>(prepared);
  const TilePixels pixels{picture.pixels.data(),
                          static_cast<int>(picture.tiles),
                          3,
                          static_cast<int>(picture.height),
                          static_cast<int>(picture.width)};
  const int grid = tower.config().grid();
  return encode_tiles(pixels, engine::VisionTower::tiles_at_once(grid * grid), guard, encode);
}

memory::PictureCost siglip_cost(const PictureSides& sides,
                                const SiglipTiles& tiles,
                                std::uint32_t tile_features,
                                const engine::VisionConfig& vision,
                                const engine::DecoderConfig& text,
                                const Computing& computing) {
  const auto patches = static_cast<std::uint64_t>(vision.grid() * vision.grid());
  const std::uint64_t at_once = tiles_in_pass(tiles.tiles, patches);
  memory::PictureCost cost;
  cost.tiles = tiles.tiles;
  cost.decode = Bytes(std::uint64_t{sides.width} * sides.height * 3 + tiles.transient_bytes);
  cost.pixels = Bytes(tiles.pixel_bytes);
  cost.encode = std::max(tower_transient(vision, computing, patches, at_once),
                         projector_transient(vision, text, computing, patches * at_once));
  cost.features = feature_bytes(text, computing, std::uint64_t{tiles.tiles} * tile_features);
  return cost;
}

std::optional<SiglipProcessorConfig> load_siglip(const std::filesystem::path& folder,
                                                 const engine::VisionConfig& vision,
                                                 std::uint32_t tile_features,
                                                 bool gemma3) {
  const auto files = processor_table::Files::load(folder);
  if (!files) {
    return std::nullopt;
  }
  SiglipProcessorConfig config;
  try {
    config = SiglipProcessorConfig::from_json(files->pictures(), gemma3);
  } catch (const UsageError& error) {
    files->rethrow(folder, error);
  }
  processor_table::check_tile_sides(config.width, config.height, vision.image_size, folder);
  check_length(files->pictures(), tile_features, folder.string());
  check_length(files->processor, tile_features, folder.string());
  return config;
}

}  // namespace headroom::models
