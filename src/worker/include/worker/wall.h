#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "memory/wall.h"
#include "worker/child_process.h"

namespace headroom::worker {

/// What the kernel counted at a wall; empty: what it does not tell, or not any more.
struct WallCount {
  std::optional<std::uint64_t> kills;  ///< times that the limit made the kernel kill
  std::optional<Bytes> peak;           ///< most that was held; version 1: by the last worker
};

/// A limit of the kernel's on what a worker and all that it starts hold together. Past it the
/// kernel kills the worker, and nobody else. Nothing within may be swapped out.
/// Owns: what it made in the system, removed with it, whoever is still inside killed first.
/// Thread: one.
class KernelWall {
 public:
  KernelWall() = default;
  virtual ~KernelWall() = default;
  KernelWall(const KernelWall&) = delete;
  KernelWall& operator=(const KernelWall&) = delete;

  /// "cgroup v1 /sys/fs/cgroup/memory/user/headroom-4711-0", "a systemd scope around
  /// each worker".
  virtual std::string text() const = 0;
  /// The command that starts `command` inside, before it has allocated anything.
  virtual WorkerCommand inside(const WorkerCommand& command) = 0;
  /// For what is inside and for what will be. Unlimited until then. Gives why not, empty when done.
  virtual std::string set_limit(Bytes limit) = 0;
  virtual WallCount count() const = 0;
};

/// Where the system shows itself; others are for tests.
struct WallPlaces {
  std::filesystem::path root = "/";  ///< in front of /proc, /sys and /run
  std::string systemd_run = "systemd-run";
  std::string systemctl = "systemctl";
};

/// The best wall of the kernel's that this system allows: a group of its own below ours (cgroup
/// v1), in a subtree that was delegated to us (cgroup v2), or a transient systemd scope. No process
/// but the worker is moved. Groups that dead supervisors left are removed.
struct KernelWallSearch {
  std::unique_ptr<KernelWall> found;  ///< empty: none is possible
  std::string why_not;                ///< why what would be better is not there, one clause each
};

KernelWallSearch find_kernel_wall(const WallPlaces& places = {});

/// What holds a worker from outside.
struct Wall {
  std::unique_ptr<KernelWall> kernel;
  bool watch = false;  ///< without the kernel's: the supervisor looks, and kills
  std::string text;    ///< one line: which, and why not a better one; empty: none
};

/// Throws UsageError("E-WALL") when the kernel's was asked for and there is none.
Wall make_wall(memory::WallMode mode, const WallPlaces& places = {});

}  // namespace headroom::worker
