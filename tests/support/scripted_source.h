#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "memory/reading.h"

namespace headroom::test {

/// Plays readings in order; the last one stays. Counts how often it was asked.
class ScriptedSource final : public memory::MemorySource {
 public:
  ScriptedSource() = default;

  explicit ScriptedSource(std::vector<memory::Reading> script) : script_(std::move(script)) {}

  memory::Reading read() override {
    ++reads_;
    if (script_.empty()) {
      return now;
    }
    now = script_[at_];
    if (at_ + 1 < script_.size()) {
      ++at_;
    }
    return now;
  }

  std::size_t reads() const { return reads_; }

  /// What is read where there is no script.
  memory::Reading now;

 private:
  std::vector<memory::Reading> script_;
  std::size_t at_ = 0;
  std::size_t reads_ = 0;
};

/// A reading of footprints alone.
inline memory::Reading footprints(Bytes supervisor, Bytes worker) {
  memory::Reading reading;
  reading.supervisor_footprint = supervisor;
  reading.worker_footprint = worker;
  return reading;
}

}  // namespace headroom::test
