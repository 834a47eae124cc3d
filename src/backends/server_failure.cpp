#include "server_failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace headroom::backends {

namespace {

constexpr int kServiceUnavailable = 503;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

template <std::size_t N>
bool has_any(const std::string& text, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return text.find(word) != std::string::npos;
  });
}

constexpr std::array<std::string_view, 8> kContextWords = {"exceed_context_size",
                                                           "context length",
                                                           "context size",
                                                           "context window",
                                                           "context_length_exceeded",
                                                           "maximum context",
                                                           "prompt is too long",
                                                           "too many tokens"};
constexpr std::array<std::string_view, 6> kMemoryWords = {"out of memory",
                                                          "outofmemory",
                                                          "failed to allocate",
                                                          "cannot allocate",
                                                          "insufficient memory",
                                                          "memory allocation"};
constexpr std::array<std::string_view, 6> kNoVisionWords = {"image input is not supported",
                                                            "not a multimodal model",
                                                            "does not support image",
                                                            "doesn't support image",
                                                            "not support vision",
                                                            "image_url is not supported"};
constexpr std::array<std::string_view, 6> kImageWords = {
    "image", "picture", "base64", "multimodal", "multi-modal", "media"};

/// Whole numbers in a text, without those that are part of a word.
std::vector<std::uint64_t> numbers_in(const std::string& text) {
  std::vector<std::uint64_t> all;
  for (std::size_t i = 0; i < text.size();) {
    std::uint64_t value = 0;
    std::size_t end = i;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0 &&
           end - i < 15) {
      value = value * 10 + static_cast<std::uint64_t>(text[end] - '0');
      ++end;
    }
    const bool in_word =
        i > 0 && (std::isalnum(static_cast<unsigned char>(text[i - 1])) != 0 || text[i - 1] == '-');
    if (end > i && !in_word) {
      all.push_back(value);
    }
    i = std::max(end, i + 1);
  }
  return all;
}

/// Both numbers, from where the server puts them or from its words: what was asked for is more
/// than what there is.
std::string context_text(const ServerFault& fault) {
  std::optional<std::uint64_t> prompt = fault.prompt_tokens;
  std::optional<std::uint64_t> context = fault.context_tokens;
  if (!prompt || !context) {
    const std::vector<std::uint64_t> numbers = numbers_in(fault.text);
    if (numbers.size() >= 2) {
      prompt = std::max(numbers[0], numbers[1]);
      context = std::min(numbers[0], numbers[1]);
    }
  }
  const std::string advice =
      "shorten the question, reduce its picture with --max-image-side if that is what is long, or "
      "start the server with a larger context";
  return prompt && context
             ? fmt::format("the question needs {} tokens, the server's context has {}: {} (\"{}\")",
                           *prompt,
                           *context,
                           advice,
                           fault.text)
             : fmt::format("the question does not fit into the server's context: {} (\"{}\")",
                           advice,
                           fault.text);
}

Failure give_up(std::string code, std::string text) {
  return {Outcome::kServer, std::move(code), std::move(text), Next::kGiveUp, {}};
}

/// What the words alone decide; empty: nothing.
std::optional<Failure> judge_words(const ServerFault& fault, int status) {
  const std::string words = lower(fault.text + " " + fault.type);
  if (has_any(words, kContextWords)) {
    return Failure{Outcome::kModel, "E-CONTEXT", context_text(fault), Next::kSettle, {}};
  }
  if (has_any(words, kMemoryWords) || status == 507) {
    return Failure{Outcome::kMemory,
                   "E-SERVER-MEMORY",
                   fmt::format("the server ran out of memory: HTTP {}: {}", status, fault.text),
                   status >= 500 ? Next::kRetry : Next::kSettle,
                   {}};
  }
  if (has_any(words, kNoVisionWords)) {
    return Failure{Outcome::kModel,
                   "E-SERVER-NO-VISION",
                   fmt::format("the server's model takes no pictures: {}", fault.text),
                   Next::kSettle,
                   {}};
  }
  if (has_any(words, kImageWords)) {
    return Failure{
        Outcome::kImage,
        "E-SERVER-IMAGE",
        fmt::format("the server cannot use the picture: HTTP {}: {}", status, fault.text),
        Next::kSettle,
        {}};
  }
  return std::nullopt;
}

bool is_redirect(int status) { return status >= 300 && status < 400; }

/// Busy or broken for the moment; not "not implemented".
bool passes(int status) {
  return status == 408 || status == 409 || status == 425 || status == 429 ||
         (status >= 500 && status != 501 && status != 505);
}

Failure judge_status(const http::Response& response, const ServerFault& fault) {
  const int status = response.status;
  const std::string words = lower(fault.text);
  const std::string said = fault.text.empty() ? "" : ": " + fault.text;
  if (is_redirect(status)) {
    return give_up("E-SERVER-ADDRESS",
                   fmt::format("HTTP {}: the server sends requests on to {}; name that address",
                               status,
                               response.location.empty() ? "elsewhere" : response.location));
  }
  if (status == 401 || status == 403) {
    return give_up("E-SERVER-KEY",
                   fmt::format("HTTP {}{}; the key comes from HEADROOM_API_KEY", status, said));
  }
  if (status == 404 || status == 405) {
    const bool model = words.find("model") != std::string::npos;
    return give_up(model ? "E-SERVER-MODEL" : "E-SERVER-ADDRESS",
                   fmt::format("HTTP {}{}{}",
                               status,
                               said,
                               model ? ""
                                     : "; the address should end where /chat/completions "
                                       "follows, most often in /v1"));
  }
  if (status == 429) {
    if (words.find("quota") != std::string::npos || words.find("billing") != std::string::npos) {
      return give_up("E-SERVER-QUOTA", fmt::format("HTTP {}{}", status, said));
    }
    return {Outcome::kServer,
            "E-SERVER-BUSY",
            fmt::format("HTTP 429, too many requests{}", said),
            Next::kRetry,
            response.retry_after};
  }
  if (status == kServiceUnavailable && words.find("loading model") != std::string::npos) {
    return {
        Outcome::kServer, "E-SERVER-LOADING", "HTTP 503" + said, Next::kWait, response.retry_after};
  }
  if (status == 413) {
    return {Outcome::kImage,
            "E-SERVER-IMAGE",
            fmt::format("HTTP 413, the request is too large for the server{}; reduce the picture "
                        "with --max-image-side",
                        said),
            Next::kSettle,
            {}};
  }
  if (auto failure = judge_words(fault, status)) {
    return *failure;
  }
  return {Outcome::kServer,
          "E-SERVER-HTTP",
          fmt::format("HTTP {}{}", status, said),
          passes(status) ? Next::kRetry : Next::kSettle,
          response.retry_after};
}

/// Status 200 with something else than an answer in it. What it means is the server's secret, so
/// it is the server's fault whatever the words; but a code of a client's error is not worth a
/// second try.
Failure judge_disguised(const ServerFault& fault) {
  if (fault.type.find("exceed_context_size") != std::string::npos) {
    return {Outcome::kModel, "E-CONTEXT", context_text(fault), Next::kSettle, {}};
  }
  return {Outcome::kServer,
          "E-SERVER-ANSWER",
          fmt::format("status 200, but {}", fault.text),
          fault.code >= 400 && !passes(fault.code) ? Next::kSettle : Next::kRetry,
          {}};
}

}  // namespace

std::string_view to_string(Next next) {
  switch (next) {
    case Next::kSettle:
      return "settle";
    case Next::kRetry:
      return "retry";
    case Next::kWait:
      return "wait";
    case Next::kGiveUp:
      return "give up";
  }
  return "unknown";
}

Failure judge(const http::Response& response, const std::optional<ServerFault>& fault) {
  const std::string& error = response.error;
  switch (response.end) {
    case http::End::kResponse:
      return fault ? judge_disguised(*fault) : judge_status(response, read_fault(response.body));
    case http::End::kUnreachable:
      return {Outcome::kServer, "E-SERVER-UNREACHABLE", error, Next::kWait, {}};
    case http::End::kBroken:
      return {Outcome::kServer,
              "E-SERVER-BROKEN",
              fmt::format("the connection broke: {}", error),
              Next::kRetry,
              {}};
    case http::End::kTimeout:
      return {Outcome::kTimeout,
              "E-TIMEOUT",
              fmt::format("no answer in {:.1f} s", seconds(response.took)),
              Next::kSettle,
              {}};
    case http::End::kCertificate:
      return give_up("E-SERVER-CERTIFICATE",
                     fmt::format("its certificate is not trusted: {}; name its authority's file "
                                 "in SSL_CERT_FILE",
                                 error));
    case http::End::kTooLarge:
      return {Outcome::kServer, "E-SERVER-ANSWER", error, Next::kSettle, {}};
    case http::End::kNotHttp:
      break;
  }
  return {Outcome::kServer,
          "E-SERVER-ANSWER",
          fmt::format("what answers does not speak HTTP: {}", error),
          Next::kRetry,
          {}};
}

}  // namespace headroom::backends
