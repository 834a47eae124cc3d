#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "engine/held_cache.h"
#include "picture_shelf.h"

namespace headroom::mlx_worker {

/// What is kept of a group that was asked with `hold`, for a turn that goes on from it.
struct HeldTurn {
  std::string pictures_key;  ///< of its request
  std::uint32_t kv_bits = 0;
  std::vector<ShelfPicture> pictures;  ///< without their pixels: how each stands in a prompt
  engine::HeldCache cache;
};

}  // namespace headroom::mlx_worker
