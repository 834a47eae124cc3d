#pragma once

#include <mutex>

#include "base/log.h"

namespace headroom::mlx_worker {

/// One line a message on standard error, which is the worker's log.
class StderrLog final : public Log {
 public:
  void write(LogLevel level, std::string_view part, const std::string& message) override;

 private:
  std::mutex mutex_;
};

}  // namespace headroom::mlx_worker
