#pragma once

#include <exception>

#include "worker/messages.h"

namespace headroom::worker {

/// What crosses the wire for an exception, ours or foreign: std::bad_alloc is "budget", another
/// std::exception "backend", anything else "internal".
RemoteError to_remote(const std::exception_ptr& error);

/// Throws the error class that the kind names, with the worker's code and words. An unknown kind is
/// a BackendError.
[[noreturn]] void throw_remote(const RemoteError& error);

}  // namespace headroom::worker
