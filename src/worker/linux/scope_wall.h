#pragma once

#include <memory>
#include <string>

#include "worker/wall.h"

namespace headroom::worker {

/// A transient scope that systemd makes around each worker, and removes with it.
class ScopeWall final : public KernelWall {
 public:
  /// Starts a scope with a limit and looks whether the kernel has it. Null, saying why, if not.
  static std::unique_ptr<ScopeWall> make(const WallPlaces& places, std::string& why_not);

  std::string text() const override;
  WorkerCommand inside(const WorkerCommand& command) override;
  std::string set_limit(Bytes limit) override;
  WallCount count() const override;

 private:
  explicit ScopeWall(const WallPlaces& places) : places_(places) {}

  WorkerCommand scope(const WorkerCommand& command, const std::string& limit);

  WallPlaces places_;
  std::string unit_;  ///< of the last worker
  int started_ = 0;
  std::string limit_ = "infinity";
};

}  // namespace headroom::worker
