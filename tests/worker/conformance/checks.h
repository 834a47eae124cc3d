#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "raw_worker.h"

namespace headroom::conformance {

/// What the checks are run on.
struct Subject {
  worker::WorkerCommand command;
  std::string model;                   ///< a folder that the worker can load
  std::string picture;                 ///< a file, or empty: questions without pictures
  std::chrono::seconds patience{120};  ///< longest wait for a message
};

/// Thrown by a check that finds the contract broken.
class Broken : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Check {
  const char* name;  ///< what a worker must do, as a sentence
  std::function<void(const Subject&)> run;
};

/// Every check, each on a worker of its own.
const std::vector<Check>& all_checks();

}  // namespace headroom::conformance
