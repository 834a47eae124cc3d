#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/server_address.h"
#include "base/clock.h"
#include "base/log.h"

namespace headroom::backends {

/// How a server is asked, and when it is given up. Times are by the injected clock.
struct ServerOptions {
  std::string api_key;  ///< sent as "Authorization: Bearer …"; never stored, logged or shown
  std::string ca_file;  ///< certificates to trust instead of the system's; empty: the system's
  std::uint32_t concurrency = 0;  ///< requests in flight at one endpoint; 0: as many as it has
                                  ///< slots, kDefaultSlots where it does not say
  int attempts = 5;               ///< of one question, the first included
  Duration pause = std::chrono::milliseconds(500);  ///< before the second; doubles, with jitter
  Duration longest_pause = std::chrono::seconds(30);
  Duration connect_timeout = std::chrono::seconds(10);
  Duration silence_timeout = std::chrono::minutes(10);  ///< without a byte of an answer
  Duration look_timeout = std::chrono::seconds(10);     ///< of each request that asks who it is
  /// How long no endpoint may be there, or still be loading, before the run stops.
  Duration patience = std::chrono::minutes(2);
  int failures_without_answer = 24;  ///< in a row, after which the run stops
  std::uint64_t most_answer_bytes = 64ULL << 20U;
  /// The server is the caller's own process: a connection that breaks or is not taken ends the
  /// asking at once with kServerLost, its questions open; the caller knows what became of it. One
  /// whose question took all its time is asked for its health: without an answer in look_timeout
  /// the asking ends with kServerDeaf.
  bool child = false;
  Bytes most_ahead = 256_MiB;  ///< encoded pictures of groups that are asked ahead

  static constexpr std::uint32_t kDefaultSlots = 4;
};

/// Codes of the BackendError that ends the asking of a server that is the caller's own process: a
/// connection broke or was not taken; a question's time was over and the server answers nothing.
inline constexpr const char* kServerLost = "E-SERVER-LOST";
inline constexpr const char* kServerDeaf = "E-SERVER-DEAF";

/// What connections are made with: "libcurl/7.88.1 OpenSSL/3.0.17".
/// Throws: BackendError("E-HTTP") where there is none.
std::string server_transport();

/// A backend whose engine is an OpenAI-compatible server (chat completions), or several that serve
/// one model. Pictures are sent as the files' own bytes unless a smaller side is asked for.
/// Questions of one group go to one endpoint, one after the other, so that its prompt cache holds
/// their pictures; groups go side by side, and where slots are left over, questions of one group
/// too. An endpoint that is not there is taken out, looked at again later, and its questions go to
/// the others; a question's own failures (429, 5xx, a broken connection, no answer in the body) are
/// asked again, other 4xx are not.
/// Memory: the server's is not ours to govern: no plan beyond this process, readings are empty,
///         cleaning does nothing, and there is nothing to reduce.
/// Errors: UsageError "E-SERVER-MODEL" (no such model), "E-SERVER-NO-VISION" (pictures for a model
///         that takes none), "E-SERVER-KEY", "E-SERVER-ADDRESS", "E-SERVER-CERTIFICATE" before the
///         run; BackendError "E-SERVER-UNREACHABLE" (nobody there for `patience`; before the run:
///         at once), "E-SERVER-GAVE-UP" (failures_without_answer in a row), or the code of what
///         every question would end in, during it: answers that came are with the sink, the rest
///         stays open. Answers' codes: docs/reference/errors.md.
/// Thread: one, except `cancel`. A thread of its own drives the connections, so the server works
///         on while the caller stores answers.
class ServerBackend final : public Backend {
 public:
  /// Connects to nothing yet.
  ServerBackend(ServerAddress address, ServerOptions options, Clock& clock, Log& log);
  /// Drops what is in flight.
  ~ServerBackend() override;
  ServerBackend(const ServerBackend&) = delete;
  ServerBackend& operator=(const ServerBackend&) = delete;

  /// Asks every endpoint who it is. One of several that is not there is told and looked at later.
  const worker::Hello& hello() override;
  memory::Geometry plan(const worker::PlanRequest& request) override;
  worker::Loaded load(const worker::LoadRequest& request) override;
  void prepare(const worker::AskRequest& request) override;
  std::size_t groups_ahead() const override;
  bool ask_ahead(const worker::AskRequest& request) override;
  /// A question's time (AskLimits::deadline_seconds over its items) runs while it is asked and
  /// while it waits between attempts, not while no server is there.
  worker::AskDone ask(const worker::AskRequest& request,
                      const std::function<void(worker::Answer&&)>& sink) override;
  worker::Cleaned clean(worker::CleanLevel level) override;
  memory::Reading reading() override;
  worker::Unloaded unload() override;
  worker::Verified verify(const worker::VerifyRequest& request) override;
  void cancel() override;
  int restarts() const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headroom::backends
