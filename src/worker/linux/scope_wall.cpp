#include "scope_wall.h"

#include <fmt/format.h>
#include <unistd.h>

#include "run_program.h"

namespace headroom::worker {

namespace {

constexpr const char* kTrialLimit = "1099511627776";  // 1 TiB, a whole number of pages

/// Prints the limit of the group that it runs in.
constexpr const char* kPrintLimit =
    "group=$(sed -n s/^0:://p /proc/self/cgroup); cat \"$0$group/memory.max\"";

/// Root has no manager of its own.
const char* manager() { return ::geteuid() == 0 ? "--system" : "--user"; }

}  // namespace

WorkerCommand ScopeWall::scope(const WorkerCommand& command, const std::string& limit) {
  unit_ = fmt::format("headroom-{}-{}.scope", ::getpid(), started_++);
  WorkerCommand result = command;
  result.program = places_.systemd_run;
  result.args = {manager(),
                 "--scope",
                 "--quiet",
                 "--collect",
                 "--unit=" + unit_,
                 "--property=MemoryMax=" + limit,
                 "--property=MemorySwapMax=0",
                 "--",
                 command.program};
  result.args.insert(result.args.end(), command.args.begin(), command.args.end());
  return result;
}

std::unique_ptr<ScopeWall> ScopeWall::make(const WallPlaces& places, std::string& why_not) {
  if (!std::filesystem::is_directory(places.root / "run/systemd/system")) {
    why_not = "systemd does not run";
    return nullptr;
  }
  std::unique_ptr<ScopeWall> wall(new ScopeWall(places));
  const WorkerCommand print{
      "sh", {"-c", kPrintLimit, (places.root / "sys/fs/cgroup").string()}, {}};
  const ProgramEnd end = run_program(wall->scope(print, kTrialLimit));
  if (end.done && end.out == kTrialLimit) {
    return wall;
  }
  why_not = end.done ? fmt::format("a systemd scope has no memory limit here ('{}')", end.out)
                     : fmt::format("systemd makes no scope: {}", end.error);
  return nullptr;
}

std::string ScopeWall::text() const { return "a systemd scope around each worker"; }

WorkerCommand ScopeWall::inside(const WorkerCommand& command) { return scope(command, limit_); }

std::string ScopeWall::set_limit(Bytes limit) {
  limit_ = std::to_string(limit.count());
  if (!run_program({places_.systemctl, {manager(), "is-active", "--quiet", unit_}, {}}).done) {
    return {};  // the next scope starts with it
  }
  const ProgramEnd end = run_program(
      {places_.systemctl,
       {manager(), "set-property", "--runtime", unit_, "MemoryMax=" + limit_, "MemorySwapMax=0"},
       {}});
  return end.done ? std::string() : fmt::format("systemctl set-property {}: {}", unit_, end.error);
}

/// The scope is gone with its worker, and its counters with it.
WallCount ScopeWall::count() const { return {}; }

}  // namespace headroom::worker
