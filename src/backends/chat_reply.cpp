#include "chat_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/files.h"
#include "base/json.h"
#include "json_look.h"

namespace headroom::backends {

namespace {

constexpr std::size_t kMostWords = 600;
constexpr std::size_t kMostShown = 120;

std::string utf8(std::string_view text) {
  return Json::parse(dump_json(Json(std::string(text)))).get<std::string>();
}

std::string stripped(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) {
    return {};
  }
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

std::string shortened(std::string_view text, std::size_t most) {
  return text.size() <= most ? utf8(text) : utf8(text.substr(0, most)) + "…";
}

/// NaN and infinities outside of texts become null.
std::string without_nan(std::string_view text) {
  constexpr std::array<std::string_view, 5> kWords = {"-Infinity", "Infinity", "NaN", "nan", "inf"};
  std::string result;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      result += c;
      result += text[++i];
      continue;
    }
    quoted = c == '"' ? !quoted : quoted;
    const auto* const word = std::find_if(kWords.begin(), kWords.end(), [&](std::string_view w) {
      return !quoted && text.substr(i).starts_with(w);
    });
    if (word != kWords.end()) {
      result += "null";
      i += word->size() - 1;
    } else {
      result += c;
    }
  }
  return result;
}

std::optional<double> milliseconds_at(const Json& json, const char* key) {
  const Json& value = at(json, key);
  if (!value.is_number() || !(value.get<double>() >= 0) || !std::isfinite(value.get<double>())) {
    return std::nullopt;
  }
  return value.get<double>() / 1000;
}

int code_of(const Json& code) {
  if (code.is_number_integer()) {
    const auto number = code.get<std::int64_t>();
    return number >= 100 && number < 600 ? static_cast<int>(number) : 0;
  }
  const std::string text = code.is_string() ? code.get<std::string>() : "";
  const bool status = text.size() == 3 && std::all_of(text.begin(), text.end(), [](char c) {
                        return c >= '0' && c <= '9';
                      });
  return status ? std::stoi(text) : 0;
}

/// An error as the common servers write it: {"error": {…}}, {"error": "…"}, {"object": "error",
/// "message": …}, {"detail": …}, {"message": …}.
ServerFault fault_of(const Json& body) {
  const Json& error = at(body, "error");
  const Json& source = error.is_object() ? error : body;
  ServerFault fault;
  fault.text = error.is_string() ? error.get<std::string>() : text_at(source, "message");
  if (fault.text.empty()) {
    const Json& detail = at(source, "detail");
    fault.text = detail.is_string() ? detail.get<std::string>()
                 : detail.is_null() ? ""
                                    : dump_json(detail);
  }
  fault.type = text_at(source, "type");
  fault.code = code_of(at(source, "code"));
  fault.prompt_tokens = count_at(source, "n_prompt_tokens");
  fault.context_tokens = count_at(source, "n_ctx");
  if (fault.text.empty()) {
    fault.text = dump_json(source);
  }
  fault.text = shortened(fault.text, kMostWords);
  return fault;
}

bool is_error(const Json& body) {
  const Json& error = at(body, "error");
  return error.is_object() || (error.is_string() && !error.get<std::string>().empty()) ||
         text_at(body, "object") == "error";
}

ServerFault fault_without(const Json& body, const char* what) {
  ServerFault fault;
  fault.text =
      fmt::format("its answer has no {}: {}", what, shortened(dump_json(body), kMostShown));
  return fault;
}

ServerFault not_json(std::string_view body) {
  ServerFault fault;
  const std::string begin = stripped(body.substr(0, 4096));
  const std::string kind = describe_content(begin);
  if (begin.empty()) {
    fault.text = "its answer is empty";
  } else if (kind == "an HTML page") {
    fault.text = fmt::format("its answer is an HTML page: {}", shortened(begin, kMostShown));
  } else {
    fault.text = fmt::format("its answer of {} bytes is not valid JSON, or only part of it: {}",
                             body.size(),
                             shortened(begin, kMostShown));
  }
  return fault;
}

/// A text, or the texts of a list of parts.
std::string content_of(const Json& content) {
  if (content.is_string()) {
    return content.get<std::string>();
  }
  std::string text;
  if (content.is_array()) {
    for (const Json& part : content) {
      text += part.is_string() ? part.get<std::string>() : text_at(part, "text");
    }
  }
  return text;
}

std::int32_t id_at(const Json& json) {
  const auto id = count_at(json, "id");
  return id && *id <= std::numeric_limits<std::int32_t>::max() ? static_cast<std::int32_t>(*id)
                                                               : -1;
}

std::optional<double> log_prob_at(const Json& json) {
  const Json& value = at(json, "logprob");
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

void take_log_probs(ChatReply& reply, const Json& choice) {
  const Json& content = at(at(choice, "logprobs"), "content");
  if (!content.is_array()) {
    return;
  }
  for (const Json& entry : content) {
    const auto log_prob = log_prob_at(entry);
    const std::int32_t id = id_at(entry);
    if (id >= 0) {
      reply.token_ids.push_back(id);
    }
    worker::TokenLogProb token{id, log_prob.value_or(std::nan("")), {}};
    const Json& top = at(entry, "top_logprobs");
    if (top.is_array()) {
      for (const Json& other : top) {
        if (const auto value = log_prob_at(other)) {
          token.top.emplace_back(id_at(other), *value);
        }
      }
    }
    reply.log_probs.push_back(std::move(token));
  }
}

void take_figures(ChatReply& reply, const Json& body) {
  const Json& usage = at(body, "usage");
  const auto keep = [](auto& into, auto value) {
    if (value) {
      into = value;
    }
  };
  keep(reply.prompt_tokens, count32_at(usage, "prompt_tokens"));
  keep(reply.completion_tokens, count32_at(usage, "completion_tokens"));
  keep(reply.cached_tokens, count32_at(at(usage, "prompt_tokens_details"), "cached_tokens"));
  const Json& timings = at(body, "timings");
  keep(reply.cached_tokens, count32_at(timings, "cache_n"));
  keep(reply.prefill_seconds, milliseconds_at(timings, "prompt_ms"));
  keep(reply.decode_seconds, milliseconds_at(timings, "predicted_ms"));
}

std::variant<ChatReply, ServerFault> read_whole(const Json& body) {
  if (is_error(body)) {
    return fault_of(body);
  }
  const Json& choices = at(body, "choices");
  if (!choices.is_array() || choices.empty()) {
    return fault_without(body, "choices");
  }
  const Json& message = at(choices.front(), "message");
  if (!message.is_object()) {
    return fault_without(body, "message");
  }
  ChatReply reply;
  reply.text = stripped(content_of(at(message, "content")));
  reply.finish = text_at(choices.front(), "finish_reason");
  reply.refusal = text_at(message, "refusal");
  take_log_probs(reply, choices.front());
  take_figures(reply, body);
  return reply;
}

/// Server-sent events, put together.
class StreamReader {
 public:
  std::variant<ChatReply, ServerFault> read(std::string_view body) {
    while (!body.empty() && !fault_ && !done_) {
      const std::size_t end = std::min(body.find('\n'), body.size());
      std::string_view line = body.substr(0, end);
      body.remove_prefix(std::min(end + 1, body.size()));
      if (line.ends_with('\r')) {
        line.remove_suffix(1);
      }
      take_line(line);
    }
    take_event();
    if (fault_) {
      return *fault_;
    }
    if (reply_.finish.empty() && !done_) {
      ServerFault fault;
      fault.text = fmt::format("its stream ended after {} pieces without an end", pieces_);
      return fault;
    }
    reply_.text = stripped(reply_.text);
    return reply_;
  }

 private:
  void take_line(std::string_view line) {
    if (line.empty()) {
      take_event();
      return;
    }
    for (const std::string_view field : {std::string_view("data:"), std::string_view("error:")}) {
      if (line.starts_with(field)) {
        line.remove_prefix(field.size());
        line.remove_prefix(line.starts_with(' ') ? 1 : 0);
        data_ += data_.empty() ? "" : "\n";
        data_ += line;
        error_ = error_ || field == "error:";
        return;
      }
    }
  }

  void take_event() {
    const std::string data = std::exchange(data_, {});
    if (data.empty() || fault_ || done_) {
      return;
    }
    if (data == "[DONE]") {
      done_ = true;
      return;
    }
    const Json piece = read_lenient(data);
    if (piece.is_discarded()) {
      fault_ = not_json(data);
    } else if (error_ || is_error(piece)) {
      fault_ = fault_of(piece);
    } else {
      take_piece(piece);
    }
  }

  void take_piece(const Json& piece) {
    ++pieces_;
    take_figures(reply_, piece);
    const Json& choices = at(piece, "choices");
    if (!choices.is_array() || choices.empty()) {
      return;
    }
    const Json& choice = choices.front();
    const Json& delta = at(choice, "delta");
    reply_.text += content_of(at(delta, "content"));
    reply_.refusal += text_at(delta, "refusal");
    if (const std::string finish = text_at(choice, "finish_reason"); !finish.empty()) {
      reply_.finish = finish;
    }
    take_log_probs(reply_, choice);
  }

  ChatReply reply_;
  std::optional<ServerFault> fault_;
  std::string data_;
  std::size_t pieces_ = 0;
  bool error_ = false;
  bool done_ = false;
};

bool is_stream(std::string_view body) {
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  body.remove_prefix(std::min(first, body.size()));
  return body.starts_with("data:") || body.starts_with("event:") || body.starts_with(":") ||
         body.starts_with("error:");
}

}  // namespace

Json read_lenient(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    json = Json::parse(without_nan(utf8(text)), nullptr, false);
  }
  return json;
}

std::variant<ChatReply, ServerFault> read_reply(std::string_view body) {
  if (is_stream(body)) {
    return StreamReader().read(body);
  }
  const Json json = read_lenient(body);
  if (json.is_discarded()) {
    return not_json(body);
  }
  return read_whole(json);
}

ServerFault read_fault(std::string_view body) {
  if (is_stream(body)) {
    const auto reply = StreamReader().read(body);
    if (const auto* const fault = std::get_if<ServerFault>(&reply)) {
      return *fault;
    }
  }
  const Json json = read_lenient(body);
  if (json.is_object()) {
    return fault_of(json);
  }
  ServerFault fault;
  const std::string begin = stripped(body.substr(0, 4096));
  fault.text = begin.empty() ? "" : shortened(begin, kMostWords);
  if (describe_content(begin) == "an HTML page") {
    fault.text = fmt::format("an HTML page: {}", shortened(begin, kMostShown));
  }
  return fault;
}

}  // namespace headroom::backends
