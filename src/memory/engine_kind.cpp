#include "memory/engine_kind.h"

#include <array>

#include "base/errors.h"

namespace headroom::memory {

namespace {

constexpr AdaptiveSettings kMarks{0.80, 0.70, false};
constexpr AdaptiveSettings kMarksOfYielding{0.80, 0.70, true};
// A caching allocator gives whole free segments back and keeps those with one live block: a cycle
// frees less than the cache's size, so it begins earlier.
constexpr AdaptiveSettings kEarlierMarks{0.75, 0.65, false};

constexpr DynamicIntervalSettings interval_below(double high, bool cache_yields = false) {
  DynamicIntervalSettings settings;
  settings.high = high;
  settings.cache_yields = cache_yields;
  return settings;
}

constexpr std::array<EngineTraits, 8> kEngines{{
    {KindOfEngine::kMlx,
     Counter::kFootprint,
     "the allocator's cache (on Metal its pool) and the C library's free pages are given back",
     "the same three times",
     true,
     true,
     kMarks,
     interval_below(0.80),
     {false},
     {}},
    // MLX's device allocator reclaims its cache when it reaches the memory limit that it was given.
    {KindOfEngine::kMlx,
     Counter::kDevice,
     "the allocator's pool is given back to the device",
     "the same three times",
     true,
     true,
     kMarksOfYielding,
     interval_below(0.80, true),
     {true},
     {}},
    {KindOfEngine::kTorch,
     Counter::kFootprint,
     "the collector runs; the C library's free pages and on MPS the caching allocator's go back",
     "three times, each when the device has done what was queued",
     true,
     true,
     kEarlierMarks,
     interval_below(0.75),
     {false},
     {}},
    {KindOfEngine::kTorch,
     Counter::kDevice,
     "the collector runs and CUDA's caching allocator is emptied",
     "three times, each when the device has done what was queued",
     true,
     true,
     kEarlierMarks,
     interval_below(0.75),
     {false},
     {}},
    {KindOfEngine::kServerChild,
     Counter::kFootprint,
     "the slots are erased",
     "the child is started again",
     false,
     true,
     kMarks,
     interval_below(0.80),
     {false},
     {}},
    {KindOfEngine::kServerChild,
     Counter::kDevice,
     "the slots are erased",
     "the child is started again",
     false,
     true,
     kMarks,
     interval_below(0.80),
     {false},
     {}},
    {KindOfEngine::kServer,
     Counter::kFootprint,
     "nothing: its memory is its own",
     "nothing",
     false,
     false,
     kMarks,
     interval_below(0.80),
     {false},
     {}},
    {KindOfEngine::kServer,
     Counter::kDevice,
     "nothing: its memory is its own",
     "nothing",
     false,
     false,
     kMarks,
     interval_below(0.80),
     {false},
     {}},
}};

}  // namespace

std::string_view to_string(KindOfEngine kind) {
  switch (kind) {
    case KindOfEngine::kTorch:
      return "torch";
    case KindOfEngine::kServerChild:
      return "server child";
    case KindOfEngine::kServer:
      return "server";
    case KindOfEngine::kMlx:
      break;
  }
  return "mlx";
}

KindOfEngine kind_of_engine(std::string_view name) {
  if (name == "gguf") {
    return KindOfEngine::kServerChild;
  }
  for (const KindOfEngine kind :
       {KindOfEngine::kTorch, KindOfEngine::kServerChild, KindOfEngine::kServer}) {
    if (to_string(kind) == name) {
      return kind;
    }
  }
  return KindOfEngine::kMlx;
}

const EngineTraits& traits_of(KindOfEngine kind, Counter counter) {
  for (const EngineTraits& engine : kEngines) {
    if (engine.kind == kind && engine.counter == counter) {
      return engine;
    }
  }
  throw InternalError("a kind of engine without a row in the table of kinds");
}

}  // namespace headroom::memory
