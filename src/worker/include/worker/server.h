#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"
#include "base/log.h"
#include "worker/engine.h"

namespace headroom::worker {

struct ServeOptions {
  /// After the end of input: how long the engine may take to come back before the process ends
  /// itself with status 70, so that a worker never outlives its supervisor. 0: wait for ever.
  Duration end_grace = std::chrono::seconds(10);
};

/// Answers the contract's messages from descriptor `in` on descriptor `out` with `engine`, until
/// the end of input or of output; then cancels what is asked and returns 0, the worker's exit
/// status. A request that fails is answered with an error response that carries the error's kind
/// and code; foreign exceptions are translated (std::bad_alloc is "budget"). No input ends it.
/// Owns:   borrows everything; closes neither descriptor.
/// Thread: the engine is called on the calling thread, except `prepare`, which the reading thread
///         calls, so that cancel and prepare act while an ask runs. Nothing else may write to `out`
///         meanwhile: an engine's prints belong on standard error.
int serve(Engine& engine, int in, int out, Log& log, const ServeOptions& options = {});

}  // namespace headroom::worker
