#pragma once

#include <string>

#include "worker/child_process.h"

namespace headroom::worker {

/// What a short program said.
struct ProgramEnd {
  bool done = false;  ///< with exit status 0, in time
  std::string out;
  std::string error;  ///< its words, or why it did not run
};

/// Runs a program that ends soon and says little; killed after a few seconds.
ProgramEnd run_program(const WorkerCommand& command);

}  // namespace headroom::worker
