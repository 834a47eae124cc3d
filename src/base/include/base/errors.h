#pragma once

#include <stdexcept>
#include <string>

namespace headroom {

/// Base of all errors that we throw. A message says where, what happened, the numbers compared and
/// what to do. `code` is stable ("E-MEM-PLAN") and documented in docs/reference/errors.md. One
/// subclass for each thing that a caller can do next.
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message)
      : std::runtime_error(message), code_(std::move(code)) {}

  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

/// The command, configuration or checkpoint is wrong: fix it and start again. Exit code 2.
class UsageError : public Error {
  using Error::Error;
};

/// One sample's input is wrong (picture, row, prompt): record it, go on with the next.
class InputError : public Error {
  using Error::Error;
};

/// It does not fit into the budget: take the next rung, or refuse with exit code 5.
class BudgetError : public Error {
  using Error::Error;
};

/// The disk or the machine ran out: free some, then resume. Exit code 1.
class ResourceError : public Error {
  using Error::Error;
};

/// The engine or worker failed: start a new one and try again.
class BackendError : public Error {
  using Error::Error;
};

/// Somebody asked to stop. Exit code 130.
class Cancelled : public Error {
 public:
  explicit Cancelled(const std::string& message) : Error("E-CANCELLED", message) {}
};

/// A bug of ours. Exit code 1.
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& message) : Error("E-INTERNAL", message) {}
};

/// What the process returns (docs/reference/exit-codes.md).
enum class ExitCode : int {
  kAllAnswered = 0,
  kInternal = 1,
  kUsage = 2,
  kSomeUnanswered = 3,
  kBelowFailUnder = 4,
  kDoesNotFit = 5,
  kInterrupted = 130,
  kTerminated = 143,
};

}  // namespace headroom
