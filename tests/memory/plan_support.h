#pragma once

#include "base/json.h"
#include "memory/plan.h"

namespace headroom::test {

/// A workload as the tables write it.
inline memory::Workload workload_from(const Json& json) {
  memory::Workload workload;
  workload.batch = json.value("batch", 1U);
  workload.text_tokens = json.value("text_tokens", 0U);
  workload.shared_text_tokens = json.value("shared_text_tokens", 0U);
  workload.max_tokens = json.value("max_tokens", 0U);
  workload.prefill_chunk = json.value("prefill_chunk", 0U);
  workload.share_prefix = json.value("share_prefix", true);
  workload.decode_ahead = json.value("decode_ahead", true);
  workload.decoded = json.value("decoded", false);
  workload.release_vision = json.value("release_vision", false);
  workload.kv_quantised = json.value("kv_quantised", false);
  workload.supervisor = Bytes(json.value("supervisor_mib", std::uint64_t{0}) << 20U);
  workload.allocator_cache = Bytes(json.value("allocator_cache_mib", std::uint64_t{0}) << 20U);
  if (json.value("counter", "footprint") == "device") {
    workload.counter = memory::Counter::kDevice;
  }
  for (const Json& picture : json.value("pictures", Json::array())) {
    workload.pictures.push_back(memory::picture_cost_from_json(picture));
  }
  return workload;
}

/// About the embedded demo model in float32, with one picture of one tile.
inline memory::Geometry small_geometry() {
  memory::Geometry geometry;
  geometry.family = "smolvlm";
  geometry.dtype = "float32";
  geometry.parameters = 7'500'000;
  geometry.weights = 29_MiB;
  geometry.vision_weights = 11_MiB;
  geometry.load_staging = 8_MiB;
  geometry.engine = 60_MiB;
  geometry.engine_growth = 16_MiB;
  geometry.kv_per_token = 6_KiB;
  geometry.kv_per_token_quantised = Bytes(1632);
  geometry.prefill_per_token = 24_KiB;
  geometry.scores_per_token_pair = 16_B;
  geometry.logits_per_row = 4_KiB;
  geometry.context_tokens = 2048;
  return geometry;
}

inline memory::PictureCost picture_of(std::uint32_t side) {
  memory::PictureCost cost;
  cost.width = side;
  cost.height = side;
  cost.tiles = 1;
  cost.tokens = side / 4;
  cost.decode = Bytes(std::uint64_t{side} * side * 15);
  cost.encode = Bytes(std::uint64_t{side} * side * 400);
  cost.features = Bytes(std::uint64_t{side} * 256);
  return cost;
}

/// Sixteen questions about one picture.
inline memory::Workload small_workload() {
  memory::Workload workload;
  workload.batch = 16;
  workload.text_tokens = 60;
  workload.max_tokens = 100;
  workload.supervisor = 12_MiB;
  workload.allocator_cache = Bytes();
  workload.pictures = {picture_of(512)};
  return workload;
}

inline memory::Budget budget_of(Bytes limit) {
  memory::Budget budget;
  budget.limit = limit;
  budget.source = to_string(limit) + " from --memory";
  return budget;
}

}  // namespace headroom::test
