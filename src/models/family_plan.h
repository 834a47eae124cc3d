#pragma once

#include <cstdint>

#include "engine/vision_tower.h"
#include "models/architecture.h"

namespace headroom::models {

/// Transient of a vision tower that encodes tiles of so many patches, `at_once` in a pass.
Bytes tower_transient(const engine::VisionConfig& config,
                      const Computing& computing,
                      std::uint64_t patches,
                      std::uint64_t at_once);

/// How many of a picture's tiles, of so many patches each, are in one pass of a vision tower.
std::uint64_t tiles_in_pass(std::uint64_t tiles, std::uint64_t patches);

/// Of a projector (engine/projector.h) over so many rows.
Bytes projector_transient(const engine::VisionConfig& vision,
                          const engine::DecoderConfig& text,
                          const Computing& computing,
                          std::uint64_t rows);

/// Bytes of `rows` rows of a decoder's width.
Bytes feature_bytes(const engine::DecoderConfig& text,
                    const Computing& computing,
                    std::uint64_t rows);

}  // namespace headroom::models
