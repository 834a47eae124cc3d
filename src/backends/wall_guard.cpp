#include "wall_guard.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/errors.h"
#include "memory/wall.h"

namespace headroom::backends {

namespace {

constexpr const char* kPart = "backend";
/// The kernel charges in batches: what did not fit any more may have been that much.
constexpr Bytes kAtLimit = 2_MiB;

}  // namespace

void WallGuard::start(const worker::WorkerCommand& command,
                      const std::function<Held(const worker::WorkerCommand&)>& launch) {
  std::optional<Held> held;
  if (wall_.kernel) {
    kills_before_ = wall_.kernel->count().kills.value_or(0);
    try {
      held = launch(wall_.kernel->inside(command));
    } catch (const BackendError& error) {
      if (error.code() != "E-WORKER-GROUP") {
        throw;
      }
      wall_.kernel.reset();
      watch_instead(error.what());
    }
  }
  if (!held) {
    held = launch(command);
  }
  const std::scoped_lock lock(mutex_);
  held_ = std::move(held);
  watching_ = wall_.watch;
  struck_at_.reset();
}

void WallGuard::release() {
  const std::scoped_lock lock(mutex_);
  held_.reset();
}

void WallGuard::watch_instead(const std::string& why) {
  wall_.watch = true;
  wall_.text = fmt::format("the supervisor's watch ({})", why);
  log_.warning(kPart, fmt::format("the kernel does not hold the worker: {}; it is watched", why));
  const std::scoped_lock lock(mutex_);
  watching_ = true;
}

void WallGuard::set_limit(Bytes limit) {
  {
    const std::scoped_lock lock(mutex_);
    limit_ = limit;
  }
  if (!wall_.kernel) {
    return;
  }
  if (const std::string error = wall_.kernel->set_limit(limit); !error.empty()) {
    watch_instead(error);
  }
}

void WallGuard::look(const memory::Reading& now) {
  const std::scoped_lock lock(mutex_);
  if (!held_ || !watching_ || !limit_ ||
      !memory::beyond_wall(now.worker_footprint.value_or(Bytes()), *limit_)) {
    return;
  }
  // The reading may be of a worker that is gone, and the kernel's quick figure a little off.
  std::vector<pid_t> pids = processes_.descendants(held_->pid);
  pids.push_back(held_->pid);
  Bytes held;
  for (const pid_t pid : pids) {
    auto one = processes_.exact_footprint(pid);
    one = one ? one : processes_.footprint(pid);
    held += one ? one->now : Bytes();
  }
  if (const auto why = memory::beyond_wall(held, *limit_)) {
    struck_at_ = held;
    held_->strike(*why);
  }
}

std::optional<Death::AtWall> WallGuard::at_wall() {
  const std::scoped_lock lock(mutex_);
  if (!limit_) {
    return std::nullopt;
  }
  if (struck_at_) {
    return Death::AtWall{*limit_, struck_at_, false};
  }
  if (!wall_.kernel) {
    return std::nullopt;
  }
  const worker::WallCount count = wall_.kernel->count();
  const bool came = count.kills  ? *count.kills > kills_before_
                    : count.peak ? *count.peak + kAtLimit >= *limit_
                                 : true;
  if (!came) {
    return std::nullopt;
  }
  return Death::AtWall{*limit_, count.peak, true};
}

}  // namespace headroom::backends
