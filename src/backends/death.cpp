#include "death.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>

namespace headroom::backends {

namespace {

// What a shell reports for a child that SIGKILL ended.
constexpr int kKilledStatus = 137;

constexpr std::array<std::string_view, 5> kMemoryWords = {
    "std::bad_alloc", "MemoryError", "out of memory", "Out of memory", "Cannot allocate memory"};

bool speaks_of_memory(const std::string& log) {
  return std::any_of(kMemoryWords.begin(), kMemoryWords.end(), [&](std::string_view words) {
    return log.find(words) != std::string::npos;
  });
}

/// Why a death counts as out of memory; empty when it does not.
std::string memory_reason(const worker::WorkerEnd& end, const std::optional<Death::AtWall>& wall) {
  const bool killed = end.exit.signal == SIGKILL || end.exit.status == kKilledStatus;
  if (killed && !end.struck.empty()) {
    return fmt::format("killed by the supervisor's watch: {}", end.struck);
  }
  if (killed && end.oom_kill && wall && wall->by_kernel) {
    return fmt::format("kernel OOM kill at the wall of {}{} ({})",
                       to_string(wall->limit),
                       wall->held ? fmt::format(", {} held", to_string(*wall->held)) : "",
                       *end.oom_kill);
  }
  if (killed && end.oom_kill) {
    return fmt::format("kernel OOM kill ({})", *end.oom_kill);
  }
  if (killed && !end.oom_readable) {
    return "taken for a kernel OOM kill (not killed from here, and no count of them to look at)";
  }
  const bool failed = end.exit.signal.has_value() || end.exit.status.value_or(0) != 0;
  if (failed && !killed && speaks_of_memory(end.last_log)) {
    return "its last words say that memory ran out";
  }
  return {};
}

}  // namespace

std::string_view to_string(Death::Kind kind) {
  switch (kind) {
    case Death::Kind::kOutOfMemory:
      return "out of memory";
    case Death::Kind::kSignal:
      return "signal";
    case Death::Kind::kExit:
      return "exit";
    case Death::Kind::kHang:
      return "hang";
    case Death::Kind::kProtocol:
      return "protocol";
  }
  return "unknown";
}

Death classify(const worker::WorkerEnd& end,
               const memory::Reading& last,
               const std::optional<Death::AtWall>& wall) {
  Death death;
  death.detail = end.exit.signal.value_or(end.exit.status.value_or(0));
  death.evidence = worker::to_string(end.exit);
  if (end.cause == worker::WorkerEnd::Cause::kHung) {
    death.kind = Death::Kind::kHang;
    death.evidence = fmt::format("killed: {}", end.reason);
  } else if (end.cause == worker::WorkerEnd::Cause::kProtocol) {
    death.kind = Death::Kind::kProtocol;
    death.evidence = fmt::format("killed: {}", end.reason);
  } else if (const std::string reason = memory_reason(end, wall); !reason.empty()) {
    death.kind = Death::Kind::kOutOfMemory;
    if (wall && (wall->by_kernel ? end.oom_kill.has_value() : !end.struck.empty())) {
      death.wall = wall;
    }
    death.evidence += ", " + reason;
  } else {
    death.kind = end.exit.signal ? Death::Kind::kSignal : Death::Kind::kExit;
  }
  if (end.exit.peak_rss) {
    death.evidence += fmt::format(", peak footprint {}", to_string(*end.exit.peak_rss));
  }
  if (last.worker_footprint) {
    death.evidence += fmt::format(", last reported {}", to_string(*last.worker_footprint));
  }
  if (!end.last_log.empty()) {
    death.evidence += fmt::format(", last log lines: {}", end.last_log);
  }
  return death;
}

}  // namespace headroom::backends
