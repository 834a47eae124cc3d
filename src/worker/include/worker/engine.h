#pragma once

#include <atomic>
#include <functional>

#include "worker/messages.h"

namespace headroom::worker {

/// Set from another thread when the supervisor cancels; looked at between tokens and between
/// layers.
class CancelToken {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  void reset() { cancelled_.store(false, std::memory_order_relaxed); }

  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

using AnswerSink = std::function<void(Answer&&)>;
using ReadingSink = std::function<void(const BusyReading&)>;

/// What a worker does, behind the contract. `serve` (server.h) turns a stream of messages into
/// these calls. Errors: throws headroom::Error subclasses; the server turns them into error
/// responses of the same kind. Thread: all calls come from one thread, except `prepare`, which
/// returns at once, and the cancel token.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual Hello hello() = 0;
  virtual memory::Geometry plan(const PlanRequest& request) = 0;
  virtual Loaded load(const LoadRequest& request) = 0;
  /// Decodes and preprocesses the pictures of a coming group in the background. Failures show when
  /// it is asked.
  virtual void prepare(const AskRequest& request) = 0;
  /// Gives `answers` exactly one for each item, also when the group fails as a whole; and
  /// `readings` some in between, ten to twenty a second in long work.
  virtual AskDone ask(const AskRequest& request,
                      const AnswerSink& answers,
                      const ReadingSink& readings,
                      const CancelToken& cancel) = 0;
  virtual Cleaned clean(CleanLevel level) = 0;
  virtual Unloaded unload() = 0;
  virtual Verified verify(const VerifyRequest& request) = 0;
  virtual memory::Reading reading() = 0;
};

}  // namespace headroom::worker
