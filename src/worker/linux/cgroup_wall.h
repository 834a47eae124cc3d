#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "worker/wall.h"

namespace headroom::worker {

/// A control group of one version with a memory limit, for one supervisor's workers.
class CgroupWall final : public KernelWall {
 public:
  /// Makes a group in `parent` and tries the limit. Gives a null pointer and says why, when the
  /// system does not let us.
  static std::unique_ptr<CgroupWall> make(int version,
                                          const std::filesystem::path& parent,
                                          std::string& why_not);
  ~CgroupWall() override;

  std::string text() const override;
  WorkerCommand inside(const WorkerCommand& command) override;
  std::string set_limit(Bytes limit) override;
  WallCount count() const override;

 private:
  CgroupWall(int version, std::filesystem::path folder)
      : version_(version), folder_(std::move(folder)) {}

  std::string write_limit(const std::string& value) const;

  int version_;
  std::filesystem::path folder_;
  std::string limit_ = "-1";
};

/// Removes the empty groups in `parent` whose supervisor, which their name tells, is dead.
void remove_stale_groups(const std::filesystem::path& parent);

}  // namespace headroom::worker
