#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "memory/geometry.h"
#include "memory/plan.h"

namespace headroom::memory {

/// What a user allows beyond what leaves answers as they are.
struct Allowed {
  bool fewer_tiles = false;
  bool quantised_kv = false;

  bool operator==(const Allowed&) const = default;
};

/// "", "tiles", "kv", "tiles,kv". Throws UsageError("E-USAGE-VALUE") naming another word.
Allowed parse_allowed(std::string_view text);

/// What a group's pictures cost when none may have more tiles than this.
struct FewerTiles {
  std::uint32_t max_tiles = 0;
  std::vector<PictureCost> pictures;
};

/// One way to ask a group.
struct Rung {
  Workload workload;
  std::uint32_t max_tiles = 0;  ///< 0: as the model's processor says
  std::string text;  ///< what is reduced: "prefill chunk 512 -> 128, batch 8 -> 2"; empty: nothing
};

using Fits = std::function<bool(const Workload&)>;

/// The ways to ask a group, from what is wished for to what costs least memory:
///   less kept for reuse by the allocator, where that was more than kLeastCache
///   prefill chunk halved, down to 64 tokens (where the model prefills in chunks)
///   the next group's pictures not decoded meanwhile
///   smaller batch
///   one question at a time, without a prefix held for all
///   vision tower released between encoding and the next encoding (then the same again)
///   and, where allowed, since they change answers: fewer image tiles, quantised KV cache.
/// A rung keeps what the ones above it gave up, and takes back of chunk and batch what fits.
/// Pure. Thread: any.
class Ladder {
 public:
  /// `fewer_tiles`: descending; used only where allowed. Borrows the geometry for its life.
  Ladder(const Geometry& geometry,
         Workload wished,
         Allowed allowed = {},
         std::vector<FewerTiles> fewer_tiles = {});

  /// The highest rung of all, whether it fits or not.
  Rung wished() const;

  /// The highest rung whose workload fits. `fits` must hold for less where it holds for more.
  std::optional<Rung> highest(const Fits& fits) const;

  /// The lowest rung, for the numbers of a refusal.
  Rung lowest() const;

 private:
  struct Base {
    Workload workload;
    std::uint32_t max_tiles = 0;
    bool whole_batch = false;  ///< its batch is not made smaller
    bool as_wished = false;    ///< nothing of it is made smaller
  };

  std::vector<Base> bases() const;
  std::optional<Workload> fitting(const Base& base, const Fits& fits) const;
  Rung rung(const Base& base, Workload workload) const;

  const Geometry& geometry_;
  Workload wished_;
  Allowed allowed_;
  std::vector<FewerTiles> fewer_tiles_;
};

/// The plan's arithmetic alone as a judge.
bool fits(const Geometry& geometry, const Workload& workload, const Budget& budget);

}  // namespace headroom::memory
