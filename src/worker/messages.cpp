#include "worker/messages.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/errors.h"
#include "base/json_fields.h"
#include "reading_field.h"

namespace headroom::worker {

namespace {

constexpr std::array<std::pair<CleanLevel, std::string_view>, 2> kLevels = {{
    {CleanLevel::kNormal, "normal"},
    {CleanLevel::kAggressive, "aggressive"},
}};

Json before_and_after(const memory::Reading& before, const memory::Reading& after) {
  return {{"before", memory::to_json(before)}, {"after", memory::to_json(after)}};
}

}  // namespace

std::string_view to_string(CleanLevel level) {
  return kLevels[level == CleanLevel::kAggressive ? 1 : 0].second;
}

std::optional<CleanLevel> clean_level_from_string(std::string_view name) {
  for (const auto& [level, known] : kLevels) {
    if (known == name) {
      return level;
    }
  }
  return std::nullopt;
}

Json to_json(const Hello& hello) {
  return {{"protocol", hello.protocol},
          {"engine", hello.engine},
          {"engine_version", hello.engine_version},
          {"device", hello.device},
          {"default_dtype", hello.default_dtype},
          {"capabilities", hello.capabilities},
          {"pid", hello.pid},
          {"reading", memory::to_json(hello.reading)}};
}

template <>
Hello from_json<Hello>(const Json& json) {
  const JsonFields fields(json, "hello");
  Hello hello;
  hello.protocol = fields.signed32("protocol");
  hello.engine = fields.text("engine");
  hello.engine_version = fields.text("engine_version", "");
  hello.device = fields.text("device", "");
  hello.default_dtype = fields.text("default_dtype", "");
  hello.capabilities = fields.texts("capabilities");
  hello.pid = fields.signed64("pid", 0);
  hello.reading = reading_at(fields, "reading");
  return hello;
}

Json to_json(const PlanRequest& request) {
  Json json = Json::object();
  put_raw(json, "model", request.model);
  json["dtype"] = request.dtype;
  json["max_image_side"] = request.max_image_side;
  json["max_tiles"] = request.max_tiles;
  Json pictures = Json::array();
  for (const PictureSize& size : request.pictures) {
    Json picture = {{"width", size.width}, {"height", size.height}};
    if (size.decode > Bytes()) {
      picture["decode_bytes"] = size.decode.count();
    }
    pictures.push_back(std::move(picture));
  }
  json["pictures"] = std::move(pictures);
  return json;
}

template <>
PlanRequest from_json<PlanRequest>(const Json& json) {
  const JsonFields fields(json, "plan");
  PlanRequest request;
  request.model = fields.raw("model");
  if (request.model.empty()) {
    fields.fail("model", "missing");
  }
  request.dtype = fields.text("dtype", "");
  request.max_image_side = fields.unsigned32("max_image_side", 0);
  request.max_tiles = fields.unsigned32("max_tiles", 0);
  if (const Json* pictures = fields.find_array("pictures")) {
    for (const Json& entry : *pictures) {
      const JsonFields size(entry, fmt::format("plan.pictures[{}]", request.pictures.size()));
      request.pictures.push_back({size.unsigned32("width"),
                                  size.unsigned32("height"),
                                  size.bytes("decode_bytes").value_or(Bytes())});
    }
  }
  return request;
}

Json to_json(const LoadRequest& request) {
  Json json = Json::object();
  put_raw(json, "model", request.model);
  json["dtype"] = request.dtype;
  if (request.memory_limit) {
    json["memory_limit_bytes"] = request.memory_limit->count();
  }
  if (request.cache_limit) {
    json["cache_limit_bytes"] = request.cache_limit->count();
  }
  if (request.now) {
    json["now"] = iso_time(*request.now);
  }
  return json;
}

template <>
LoadRequest from_json<LoadRequest>(const Json& json) {
  const JsonFields fields(json, "load");
  LoadRequest request;
  request.model = fields.raw("model");
  if (request.model.empty()) {
    fields.fail("model", "missing");
  }
  request.dtype = fields.text("dtype", "");
  request.memory_limit = fields.bytes("memory_limit_bytes");
  request.cache_limit = fields.bytes("cache_limit_bytes");
  request.now = fields.moment("now");
  return request;
}

Json to_json(const Loaded& loaded) {
  return {{"family", loaded.family},
          {"dtype", loaded.dtype},
          {"parameters", loaded.parameters},
          {"weights_bytes", loaded.weights.count()},
          {"seconds", loaded.seconds},
          {"notices", loaded.notices},
          {"reading", memory::to_json(loaded.reading)}};
}

template <>
Loaded from_json<Loaded>(const Json& json) {
  const JsonFields fields(json, "loaded");
  Loaded loaded;
  loaded.family = fields.text("family");
  loaded.dtype = fields.text("dtype", "");
  loaded.parameters = fields.unsigned64("parameters", 0);
  loaded.weights = fields.bytes("weights_bytes").value_or(Bytes());
  loaded.seconds = fields.number("seconds", 0);
  loaded.notices = fields.texts("notices");
  loaded.reading = reading_at(fields, "reading");
  return loaded;
}

Json to_json(const Cleaned& cleaned) { return before_and_after(cleaned.before, cleaned.after); }

template <>
Cleaned from_json<Cleaned>(const Json& json) {
  const JsonFields fields(json, "cleaned");
  return {reading_at(fields, "before"), reading_at(fields, "after")};
}

Json to_json(const Unloaded& unloaded) { return before_and_after(unloaded.before, unloaded.after); }

template <>
Unloaded from_json<Unloaded>(const Json& json) {
  const JsonFields fields(json, "unloaded");
  return {reading_at(fields, "before"), reading_at(fields, "after")};
}

Json to_json(const VerifyRequest& request) {
  Json json = Json::object();
  put_raw(json, "golden", request.golden);
  return json;
}

template <>
VerifyRequest from_json<VerifyRequest>(const Json& json) {
  const JsonFields fields(json, "verify");
  VerifyRequest request{fields.raw("golden")};
  if (request.golden.empty()) {
    fields.fail("golden", "missing");
  }
  return request;
}

Json to_json(const Verified& verified) {
  return {{"max_logit_difference", verified.max_logit_difference},
          {"expected_tokens", verified.expected_tokens},
          {"tokens", verified.tokens},
          {"first_different_tap", verified.first_different_tap},
          {"tap_difference", verified.tap_difference}};
}

template <>
Verified from_json<Verified>(const Json& json) {
  const JsonFields fields(json, "verified");
  Verified verified;
  // Null is what a difference that is not a number is written as: it must not read as agreement.
  verified.max_logit_difference = fields.number("max_logit_difference", std::nan(""));
  verified.expected_tokens = fields.signed32s("expected_tokens");
  verified.tokens = fields.signed32s("tokens");
  verified.first_different_tap = fields.text("first_different_tap", "");
  verified.tap_difference =
      fields.number("tap_difference", verified.first_different_tap.empty() ? 0 : std::nan(""));
  return verified;
}

Json to_json(const RemoteError& error) {
  return {{"kind", error.kind}, {"code", error.code}, {"message", error.message}};
}

template <>
RemoteError from_json<RemoteError>(const Json& json) {
  const JsonFields fields(json, "error.data");
  return {fields.text("kind"), fields.text("code"), fields.text("message")};
}

}  // namespace headroom::worker
