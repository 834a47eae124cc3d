#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace headroom::http {

/// One request to a server. Redirects are not followed: what a key is sent to is what was named.
struct Request {
  std::string method = "GET";  ///< or "POST"
  std::string url;
  std::vector<std::string> headers;  ///< "Name: value"
  std::string body;
  Duration connect_timeout = std::chrono::seconds(10);
  Duration silence_timeout{0};  ///< longest without a byte either way, whole seconds; 0: none
  Duration timeout{0};          ///< for everything, the body's last byte included; 0: none
  std::uint64_t most_bytes = 64ULL << 20U;  ///< of the answer's body; more ends it in kTooLarge
};

/// Name and version: "libcurl/7.88.1 OpenSSL/3.0.17". It is loaded when this, or a Loop, first
/// asks. Throws: BackendError("E-HTTP") where it is not there.
std::string library();

/// How a request ended.
enum class End {
  kResponse,     ///< a whole response, whatever its status
  kUnreachable,  ///< no connection: refused, no such host, no route
  kBroken,       ///< the connection ended before the response did
  kTimeout,
  kCertificate,  ///< no trust in whoever answered
  kTooLarge,     ///< the body is above most_bytes; what came was dropped
  kNotHttp,      ///< what answered does not speak HTTP
};
/// "response", "unreachable", "broken", "timeout", "certificate", "too large", "not HTTP".
std::string_view to_string(End end);

struct Response {
  End end = End::kBroken;
  std::string error;  ///< unless kResponse: what happened, in the library's words
  int status = 0;     ///< 0: none was seen
  std::string content_type;
  std::string location;                 ///< of a redirect, where to
  std::string server;                   ///< header Server
  std::optional<Duration> retry_after;  ///< header Retry-After, either form
  std::string body;                     ///< also the beginning of one that broke off
  Duration took{0};
  Duration first_byte{0};  ///< from the start to the first byte of the response; 0: none came
};

struct LoopOptions {
  std::string ca_file;  ///< certificates to trust instead of the system's; empty: the system's
};

/// Requests in flight together, driven by one thread. Connections are kept and used again.
/// Owns:   the connections; destruction closes them, and no `done` is called any more.
/// Errors: only ResourceError("E-HTTP") when the library cannot be loaded or set up; else see
/// Response. Thread: one, except `wake`, which any thread may call.
class Loop {
 public:
  using Id = std::uint64_t;
  using Done = std::function<void(Response&&)>;

  explicit Loop(LoopOptions options = {});
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Begins a request. `done` is called once, from `run`; it may start further ones.
  Id start(Request request, Done done);

  std::size_t running() const;

  /// Closes the connections of everything in flight, at which servers stop their work. No `done` is
  /// called.
  void drop_all();

  /// Moves bytes and calls what is done; returns when something was done, after `most`, or when
  /// woken, before or meanwhile.
  void run(Duration most);

  void wake();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// One request and its response, for callers that have nothing else to do. Empty: `stopped`, which
/// is looked at twenty times a second, said so.
std::optional<Response> fetch(Loop& loop, Request request, const std::function<bool()>& stopped);

}  // namespace headroom::http
