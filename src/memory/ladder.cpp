#include "memory/ladder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "fitting_chunk.h"
#include "largest_good.h"
#include "plan_phases.h"

namespace headroom::memory {

namespace {

std::string reductions(const Workload& wished, const Rung& rung) {
  const Workload& chosen = rung.workload;
  std::vector<std::string> words;
  if (chosen.allocator_cache != wished.allocator_cache) {
    words.push_back(fmt::format("allocator cache {} -> {}",
                                to_string(wished.allocator_cache),
                                to_string(chosen.allocator_cache)));
  }
  if (chosen.prefill_chunk != wished.prefill_chunk) {
    words.push_back(
        wished.prefill_chunk == 0
            ? fmt::format("prefill chunk {}", chosen.prefill_chunk)
            : fmt::format("prefill chunk {} -> {}", wished.prefill_chunk, chosen.prefill_chunk));
  }
  if (chosen.decode_ahead != wished.decode_ahead) {
    words.emplace_back("no decoding ahead");
  }
  if (chosen.batch != wished.batch) {
    words.push_back(fmt::format("batch {} -> {}", wished.batch, chosen.batch));
  }
  if (chosen.share_prefix != wished.share_prefix) {
    words.emplace_back("no shared prefix");
  }
  if (chosen.release_vision != wished.release_vision) {
    words.emplace_back("vision tower released");
  }
  if (rung.max_tiles != 0) {
    words.push_back(fmt::format("at most {} tiles", rung.max_tiles));
  }
  if (chosen.kv_quantised != wished.kv_quantised) {
    words.emplace_back("KV cache in 8 bits");
  }
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}

}  // namespace

Allowed parse_allowed(std::string_view text) {
  Allowed allowed;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (word == "tiles") {
      allowed.fewer_tiles = true;
    } else if (word == "kv") {
      allowed.quantised_kv = true;
    } else {
      throw UsageError("E-USAGE-VALUE",
                       fmt::format("--allow: '{}' is not known; there are tiles, kv", word));
    }
  }
  return allowed;
}

bool fits(const Geometry& geometry, const Workload& workload, const Budget& budget) {
  Bytes peak;
  Bytes host;
  for (const PhasePlan& phase : plan_phases(geometry, workload, false)) {
    peak = std::max(peak, phase.total());
    host = std::max(host, phase.host());
  }
  return peak + plan_reserve(peak) <= budget.limit &&
         (!budget.host_capacity || host <= *budget.host_capacity);
}

Ladder::Ladder(const Geometry& geometry,
               Workload wished,
               Allowed allowed,
               std::vector<FewerTiles> fewer_tiles)
    : geometry_(geometry),
      wished_(std::move(wished)),
      allowed_(allowed),
      fewer_tiles_(std::move(fewer_tiles)) {
  wished_.batch = std::max(wished_.batch, 1U);
}

std::vector<Ladder::Base> Ladder::bases() const {
  std::vector<Base> all;
  Base base{wished_, 0, false, false};
  if (wished_.allocator_cache > kLeastCache) {
    base.as_wished = true;  // keeping less for reuse costs less time than anything below
    all.push_back(base);
    base.as_wished = false;
    base.workload.allocator_cache = kLeastCache;
  }
  const bool pictures = !wished_.pictures.empty();
  const bool ahead = wished_.ahead ? !wished_.ahead->empty() : pictures;
  if (ahead && base.workload.decode_ahead) {
    base.whole_batch = true;  // waiting for the next pictures costs less time than small batches
    all.push_back(base);
    base.whole_batch = false;
    base.workload.decode_ahead = false;
  }
  all.push_back(base);
  if (pictures && geometry_.vision_weights > Bytes() && !base.workload.release_vision) {
    base.workload.release_vision = true;
    all.push_back(base);
  }
  if (allowed_.fewer_tiles) {
    for (const FewerTiles& fewer : fewer_tiles_) {
      base.workload.pictures = fewer.pictures;
      base.max_tiles = fewer.max_tiles;
      base.workload.decoded = false;  // what was decoded ahead has all its tiles
      all.push_back(base);
    }
  }
  if (allowed_.quantised_kv && geometry_.kv_per_token_quantised > Bytes() &&
      !base.workload.kv_quantised) {
    base.workload.kv_quantised = true;
    all.push_back(base);
  }
  return all;
}

std::optional<Workload> Ladder::fitting(const Base& base, const Fits& fits) const {
  if (base.as_wished) {
    return fits(base.workload) ? std::optional(base.workload) : std::nullopt;
  }
  if (auto wished = with_fitting_chunk(geometry_, base.workload, fits);
      wished || base.whole_batch) {
    return wished;
  }
  const auto batch = largest_good(1, base.workload.batch, [&](std::uint32_t n) {
    Workload candidate = with_smallest_chunk(geometry_, base.workload);
    candidate.batch = n;
    return fits(candidate);
  });
  Workload smaller = base.workload;
  smaller.batch = batch.value_or(1);
  if (auto found = with_fitting_chunk(geometry_, smaller, fits)) {
    return found;
  }
  smaller.share_prefix = false;
  return with_fitting_chunk(geometry_, smaller, fits);
}

Rung Ladder::rung(const Base& base, Workload workload) const {
  Rung result{std::move(workload), base.max_tiles, {}};
  result.text = reductions(wished_, result);
  return result;
}

Rung Ladder::wished() const { return rung(bases().front(), wished_); }

std::optional<Rung> Ladder::highest(const Fits& fits) const {
  for (const Base& base : bases()) {
    if (auto workload = fitting(base, fits)) {
      return rung(base, std::move(*workload));
    }
  }
  return std::nullopt;
}

Rung Ladder::lowest() const {
  const Base base = bases().back();
  Workload workload = with_smallest_chunk(geometry_, base.workload);
  workload.batch = 1;
  workload.share_prefix = false;
  return rung(base, std::move(workload));
}

}  // namespace headroom::memory
