#include <fmt/format.h>

#include <limits>

#include "base/base64.h"
#include "base/errors.h"
#include "base/json_fields.h"
#include "reading_field.h"
#include "worker/messages.h"

namespace headroom::worker {

namespace {

// A log-probability of minus infinity is legal and has no spelling in JSON but null.
constexpr double kImpossible = -std::numeric_limits<double>::infinity();

Json picture_to_json(const PictureRef& picture) {
  Json json = Json::object();
  put_raw(json, "path", picture.path);
  if (!picture.bytes.empty()) {
    json["bytes_base64"] = encode_base64(picture.bytes);
  }
  put_raw(json, "name", picture.name);
  return json;
}

PictureRef picture_from_json(const Json& json, const std::string& path) {
  const JsonFields fields(json, path);
  PictureRef picture;
  picture.path = fields.raw("path");
  if (fields.find("bytes_base64") != nullptr) {
    picture.bytes =
        decode_base64(fields.text("bytes_base64"), fields.path_of("bytes_base64"), "E-CONTRACT");
  }
  picture.name = fields.raw("name");
  return picture;
}

Json conversation_to_json(const Conversation& conversation) {
  Json messages = Json::array();
  for (const Message& message : conversation) {
    Json parts = Json::array();
    for (const Part& part : message.parts) {
      if (part.kind == Part::Kind::kAnswer) {
        throw InternalError("ask: the answer to item '" + part.text +
                            "' has not been put into the history before it is sent");
      }
      parts.push_back(part.kind == Part::Kind::kImage ? Json{{"image", part.image}}
                                                      : Json{{"text", part.text}});
    }
    messages.push_back({{"role", message.role}, {"parts", std::move(parts)}});
  }
  return messages;
}

Part part_from_json(const Json& json, const std::string& path) {
  const JsonFields fields(json, path);
  const bool image = fields.find("image") != nullptr;
  if (image == (fields.find("text") != nullptr)) {
    fields.fail("text", "a part has either 'text' or 'image'");
  }
  return image ? Part::of_image(fields.unsigned32("image")) : Part::of_text(fields.text("text"));
}

Message message_from_json(const Json& json, const std::string& path) {
  const JsonFields fields(json, path);
  Message message;
  message.role = fields.text("role");
  if (const Json* parts = fields.find_array("parts")) {
    for (const Json& part : *parts) {
      message.parts.push_back(
          part_from_json(part, fmt::format("{}.parts[{}]", path, message.parts.size())));
    }
  }
  return message;
}

Json item_to_json(const AskItem& item) {
  return {{"id", item.id},
          {"conversation", conversation_to_json(item.conversation)},
          {"max_tokens", item.max_tokens},
          {"top_log_probs", item.top_log_probs},
          {"want_prompt", item.want_prompt}};
}

AskItem item_from_json(const Json& json, const std::string& path) {
  const JsonFields fields(json, path);
  AskItem item;
  item.id = fields.text("id");
  item.max_tokens = fields.unsigned32("max_tokens", item.max_tokens);
  item.top_log_probs = fields.unsigned32("top_log_probs", item.top_log_probs);
  item.want_prompt = fields.flag("want_prompt", item.want_prompt);
  const Json* conversation = fields.find_array("conversation");
  if (conversation == nullptr || conversation->empty()) {
    fields.fail("conversation", "missing or empty");
  }
  for (const Json& message : *conversation) {
    item.conversation.push_back(message_from_json(
        message, fmt::format("{}.conversation[{}]", path, item.conversation.size())));
  }
  return item;
}

Json limits_to_json(const AskLimits& limits) {
  Json json = {{"batch", limits.batch},
               {"prefill_chunk", limits.prefill_chunk},
               {"share_prefix", limits.share_prefix},
               {"deadline_seconds", limits.deadline_seconds},
               {"release_vision", limits.release_vision},
               {"max_tiles", limits.max_tiles},
               {"kv_bits", limits.kv_bits},
               {"hold", limits.hold}};
  if (limits.memory) {
    json["memory_bytes"] = limits.memory->count();
  }
  if (limits.throttle) {
    json["throttle_bytes"] = limits.throttle->count();
  }
  if (limits.cache) {
    json["cache_bytes"] = limits.cache->count();
  }
  return json;
}

AskLimits limits_from_json(const Json& json) {
  const JsonFields fields(json, "ask.limits");
  AskLimits limits;
  limits.batch = fields.unsigned32("batch", limits.batch);
  limits.prefill_chunk = fields.unsigned32("prefill_chunk", limits.prefill_chunk);
  limits.share_prefix = fields.flag("share_prefix", limits.share_prefix);
  limits.memory = fields.bytes("memory_bytes");
  limits.throttle = fields.bytes("throttle_bytes");
  limits.cache = fields.bytes("cache_bytes");
  limits.deadline_seconds = fields.number("deadline_seconds", limits.deadline_seconds);
  limits.release_vision = fields.flag("release_vision", limits.release_vision);
  limits.max_tiles = fields.unsigned32("max_tiles", limits.max_tiles);
  limits.kv_bits = fields.unsigned32("kv_bits", limits.kv_bits);
  if (limits.kv_bits != 0 && limits.kv_bits != 8) {
    fields.fail("kv_bits", fmt::format("expected 0 or 8, got {}", limits.kv_bits));
  }
  limits.hold = fields.flag("hold", limits.hold);
  return limits;
}

/// Writes a list only when there is one: most answers have few of them.
template <typename T>
void put_list(Json& json, const char* key, const std::vector<T>& list) {
  if (!list.empty()) {
    json[key] = list;
  }
}

void put_text(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) {
    json[key] = text;
  }
}

Json log_probs_to_json(const std::vector<TokenLogProb>& log_probs) {
  Json list = Json::array();
  for (const TokenLogProb& entry : log_probs) {
    Json top = Json::array();
    for (const auto& [token, log_prob] : entry.top) {
      top.push_back(Json::array({token, log_prob}));
    }
    list.push_back({{"token", entry.token}, {"log_prob", entry.log_prob}, {"top", std::move(top)}});
  }
  return list;
}

std::pair<std::int32_t, double> candidate_from_json(const Json& json, const JsonFields& owner) {
  const bool pair = json.is_array() && json.size() == 2 && json[0].is_number_integer() &&
                    (json[1].is_number() || json[1].is_null());
  if (!pair) {
    owner.fail("top", "expected pairs [token, log-probability]");
  }
  const Json object = {{"token", json[0]}};
  return {JsonFields(object, owner.path_of("top")).signed32("token"),
          json[1].is_null() ? kImpossible : json[1].get<double>()};
}

TokenLogProb log_prob_from_json(const Json& json, const std::string& path) {
  const JsonFields fields(json, path);
  TokenLogProb entry;
  entry.token = fields.signed32("token");
  entry.log_prob = fields.number("log_prob", kImpossible);
  if (const Json* top = fields.find_array("top")) {
    for (const Json& candidate : *top) {
      entry.top.push_back(candidate_from_json(candidate, fields));
    }
  }
  return entry;
}

PhaseSeconds seconds_from_json(const Json& json) {
  const JsonFields fields(json, "answer.seconds");
  return {fields.number("preprocess", 0),
          fields.number("encode", 0),
          fields.number("prefill", 0),
          fields.number("decode", 0)};
}

}  // namespace

Json to_json(const AskRequest& request) {
  Json pictures = Json::array();
  for (const PictureRef& picture : request.pictures) {
    pictures.push_back(picture_to_json(picture));
  }
  Json items = Json::array();
  for (const AskItem& item : request.items) {
    items.push_back(item_to_json(item));
  }
  return {{"group", request.group},
          {"pictures", std::move(pictures)},
          {"max_image_side", request.max_image_side},
          {"items", std::move(items)},
          {"limits", limits_to_json(request.limits)}};
}

template <>
AskRequest from_json<AskRequest>(const Json& json) {
  const JsonFields fields(json, "ask");
  AskRequest request;
  request.group = fields.text("group");
  request.max_image_side = fields.unsigned32("max_image_side", 0);
  if (const Json* pictures = fields.find_array("pictures")) {
    for (const Json& picture : *pictures) {
      request.pictures.push_back(
          picture_from_json(picture, fmt::format("ask.pictures[{}]", request.pictures.size())));
    }
  }
  if (const Json* items = fields.find_array("items")) {
    for (const Json& item : *items) {
      request.items.push_back(
          item_from_json(item, fmt::format("ask.items[{}]", request.items.size())));
    }
  }
  if (const Json* limits = fields.find("limits")) {
    request.limits = limits_from_json(*limits);
  }
  return request;
}

Json to_json(const Answer& answer) {
  Json json = {{"group", answer.group},
               {"id", answer.id},
               {"outcome", std::string(to_string(answer.outcome))},
               {"stopped", answer.stopped},
               {"prompt_tokens", answer.prompt_tokens},
               {"image_tokens", answer.image_tokens},
               {"prefilled_tokens", answer.prefilled_tokens},
               {"seconds",
                {{"preprocess", answer.seconds.preprocess},
                 {"encode", answer.seconds.encode},
                 {"prefill", answer.seconds.prefill},
                 {"decode", answer.seconds.decode}}},
               {"before", memory::to_json(answer.before)},
               {"after", memory::to_json(answer.after)}};
  if (answer.outcome == Outcome::kAnswered) {
    json["text"] = answer.text;
  }
  put_text(json, "error", answer.error);
  put_text(json, "error_code", answer.error_code);
  put_text(json, "prompt", answer.prompt);
  put_text(json, "rung", answer.rung);
  put_list(json, "token_ids", answer.token_ids);
  put_list(json, "input_ids", answer.input_ids);
  put_list(json, "picture_hashes", answer.picture_hashes);
  put_list(json, "notices", answer.notices);
  if (!answer.log_probs.empty()) {
    json["log_probs"] = log_probs_to_json(answer.log_probs);
  }
  return json;
}

template <>
Answer from_json<Answer>(const Json& json) {
  const JsonFields fields(json, "answer");
  Answer answer;
  answer.group = fields.text("group");
  answer.id = fields.text("id");
  const std::string outcome = fields.text("outcome");
  const std::optional<Outcome> known = outcome_from_string(outcome);
  if (!known) {
    fields.fail("outcome", fmt::format("'{}' is no outcome", outcome));
  }
  answer.outcome = *known;
  if (answer.outcome == Outcome::kAnswered) {
    answer.text = fields.text("text");
  }
  answer.error = fields.text("error", "");
  answer.error_code = fields.text("error_code", "");
  answer.token_ids = fields.signed32s("token_ids");
  answer.stopped = fields.flag("stopped", false);
  answer.prompt_tokens = fields.unsigned32("prompt_tokens", 0);
  answer.image_tokens = fields.unsigned32("image_tokens", 0);
  answer.prefilled_tokens = fields.unsigned32("prefilled_tokens", 0);
  if (const Json* log_probs = fields.find_array("log_probs")) {
    for (const Json& entry : *log_probs) {
      answer.log_probs.push_back(
          log_prob_from_json(entry, fmt::format("answer.log_probs[{}]", answer.log_probs.size())));
    }
  }
  answer.prompt = fields.text("prompt", "");
  answer.input_ids = fields.signed32s("input_ids");
  answer.picture_hashes = fields.texts("picture_hashes");
  answer.notices = fields.texts("notices");
  if (const Json* seconds = fields.find("seconds")) {
    answer.seconds = seconds_from_json(*seconds);
  }
  answer.before = reading_at(fields, "before");
  answer.after = reading_at(fields, "after");
  answer.rung = fields.text("rung", "");
  return answer;
}

Json to_json(const AskDone& done) {
  Json json = {{"group", done.group},
               {"answered", done.answered},
               {"failed", done.failed},
               {"reading", memory::to_json(done.reading)}};
  if (done.walked_peak) {
    json["walked_peak_bytes"] = done.walked_peak->count();
  }
  if (done.held > Bytes()) {
    json["held_bytes"] = done.held.count();
  }
  return json;
}

template <>
AskDone from_json<AskDone>(const Json& json) {
  const JsonFields fields(json, "done");
  AskDone done;
  done.group = fields.text("group", "");
  done.answered = fields.unsigned32("answered", 0);
  done.failed = fields.unsigned32("failed", 0);
  done.walked_peak = fields.bytes("walked_peak_bytes");
  done.held = fields.bytes("held_bytes").value_or(Bytes());
  done.reading = reading_at(fields, "reading");
  return done;
}

/// The reading's own keys, and two beside them.
Json to_json(const BusyReading& busy) {
  Json json = memory::to_json(busy.reading);
  put_text(json, "group", busy.group);
  put_text(json, "phase", busy.phase);
  return json;
}

template <>
BusyReading from_json<BusyReading>(const Json& json) {
  const JsonFields fields(json, "reading");
  return {fields.text("group", ""), fields.text("phase", ""), memory::reading_from_json(json)};
}

}  // namespace headroom::worker
