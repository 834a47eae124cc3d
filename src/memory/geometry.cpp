#include "memory/geometry.h"

#include "base/json_fields.h"

namespace headroom::memory {

Json to_json(const PictureCost& cost) {
  return {{"width", cost.width},
          {"height", cost.height},
          {"tiles", cost.tiles},
          {"tokens", cost.tokens},
          {"decode_bytes", cost.decode.count()},
          {"pixels_bytes", cost.pixels.count()},
          {"encode_bytes", cost.encode.count()},
          {"features_bytes", cost.features.count()}};
}

PictureCost picture_cost_from_json(const Json& json) {
  const JsonFields fields(json, "picture cost");
  PictureCost cost;
  cost.width = fields.unsigned32("width");
  cost.height = fields.unsigned32("height");
  cost.tiles = fields.unsigned32("tiles");
  cost.tokens = fields.unsigned32("tokens");
  cost.decode = fields.required_bytes("decode_bytes");
  cost.pixels = fields.bytes("pixels_bytes").value_or(cost.decode);
  cost.encode = fields.required_bytes("encode_bytes");
  cost.features = fields.required_bytes("features_bytes");
  return cost;
}

Json to_json(const Geometry& geometry) {
  Json pictures = Json::array();
  for (const PictureCost& cost : geometry.pictures) {
    pictures.push_back(to_json(cost));
  }
  Json json = {
      {"family", geometry.family},
      {"dtype", geometry.dtype},
      {"parameters", geometry.parameters},
      {"weights_bytes", geometry.weights.count()},
      {"vision_weights_bytes", geometry.vision_weights.count()},
      {"load_staging_bytes", geometry.load_staging.count()},
      {"engine_bytes", geometry.engine.count()},
      {"engine_growth_bytes", geometry.engine_growth.count()},
      {"kv_per_token_bytes", geometry.kv_per_token.count()},
      {"kv_per_token_quantised_bytes", geometry.kv_per_token_quantised.count()},
      {"kv_dequantised_per_token_bytes", geometry.kv_dequantised_per_token.count()},
      {"kv_copied_per_token_bytes", geometry.kv_copied_per_token.count()},
      {"kv_repeated_per_token_bytes", geometry.kv_repeated_per_token.count()},
      {"kv_repeated_decoding_per_token_bytes", geometry.kv_repeated_decoding_per_token.count()},
      {"kv_moved_per_token_bytes", geometry.kv_moved_per_token.count()},
      {"prefill_per_token_bytes", geometry.prefill_per_token.count()},
      {"scores_per_token_pair_bytes", geometry.scores_per_token_pair.count()},
      {"score_tokens", geometry.score_tokens},
      {"logits_per_row_bytes", geometry.logits_per_row.count()},
      {"context_tokens", geometry.context_tokens},
      {"pictures", std::move(pictures)}};
  if (geometry.reserved != ReservedMemory()) {
    json["reserved"] = {{"slots", geometry.reserved.slots},
                        {"kv_bytes", geometry.reserved.kv.count()},
                        {"compute_bytes", geometry.reserved.compute.count()},
                        {"vision_bytes", geometry.reserved.vision.count()}};
  }
  if (!geometry.shares_prefix) {
    json["shares_prefix"] = false;
  }
  if (!geometry.prefills_in_chunks) {
    json["prefills_in_chunks"] = false;
  }
  if (geometry.block_tokens > 0) {
    json["block_tokens"] = geometry.block_tokens;
  }
  return json;
}

Geometry geometry_from_json(const Json& json) {
  const JsonFields fields(json, "geometry");
  Geometry geometry;
  geometry.family = fields.text("family");
  geometry.dtype = fields.text("dtype");
  geometry.parameters = fields.unsigned64("parameters");
  geometry.weights = fields.required_bytes("weights_bytes");
  geometry.vision_weights = fields.bytes("vision_weights_bytes", Bytes());
  geometry.load_staging = fields.required_bytes("load_staging_bytes");
  geometry.engine = fields.required_bytes("engine_bytes");
  geometry.engine_growth = fields.required_bytes("engine_growth_bytes");
  geometry.kv_per_token = fields.required_bytes("kv_per_token_bytes");
  geometry.kv_per_token_quantised = fields.bytes("kv_per_token_quantised_bytes", Bytes());
  geometry.kv_dequantised_per_token = fields.bytes("kv_dequantised_per_token_bytes", Bytes());
  geometry.kv_copied_per_token = fields.bytes("kv_copied_per_token_bytes", Bytes());
  geometry.kv_repeated_per_token = fields.bytes("kv_repeated_per_token_bytes", Bytes());
  geometry.kv_repeated_decoding_per_token =
      fields.bytes("kv_repeated_decoding_per_token_bytes", Bytes());
  geometry.kv_moved_per_token = fields.bytes("kv_moved_per_token_bytes", Bytes());
  geometry.prefill_per_token = fields.required_bytes("prefill_per_token_bytes");
  geometry.scores_per_token_pair = fields.required_bytes("scores_per_token_pair_bytes");
  geometry.score_tokens = fields.unsigned32("score_tokens", 0);
  geometry.logits_per_row = fields.required_bytes("logits_per_row_bytes");
  geometry.context_tokens = fields.unsigned32("context_tokens");
  geometry.shares_prefix = fields.flag("shares_prefix", true);
  geometry.prefills_in_chunks = fields.flag("prefills_in_chunks", true);
  geometry.block_tokens = fields.unsigned32("block_tokens", 0);
  if (json.contains("reserved")) {
    const JsonFields reserved(json.at("reserved"), "geometry.reserved");
    geometry.reserved = {reserved.unsigned32("slots"),
                         reserved.required_bytes("kv_bytes"),
                         reserved.required_bytes("compute_bytes"),
                         reserved.required_bytes("vision_bytes")};
  }
  for (const Json& cost : fields.array("pictures")) {
    geometry.pictures.push_back(picture_cost_from_json(cost));
  }
  return geometry;
}

}  // namespace headroom::memory
