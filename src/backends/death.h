#pragma once

#include <optional>

#include "backends/backend.h"
#include "memory/reading.h"
#include "worker/client.h"

namespace headroom::backends {

/// Tells deaths apart. A SIGKILL that was not ours is an out-of-memory kill when the kernel counted
/// one meanwhile, or when there is no count to look at; so is an abort or a failure whose last
/// words say that memory ran out. `last`: what the worker reported last. `wall`: what the outer
/// wall has to say, when the worker came to it in this life.
Death classify(const worker::WorkerEnd& end,
               const memory::Reading& last,
               const std::optional<Death::AtWall>& wall = std::nullopt);

}  // namespace headroom::backends
