#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "line_buffer.h"
#include "worker/child_process.h"

namespace headroom::conformance {

/// A worker as bytes: sends any line, and keeps what comes back. All waits end after
/// `patience` without a message with an exception.
class RawWorker {
 public:
  RawWorker(const worker::WorkerCommand& command, std::chrono::seconds patience);

  void send_line(const std::string& line);
  int request(const std::string& method, const Json& params);
  void notify(const std::string& method, const Json& params);
  /// The response to a request, whenever it comes.
  Json response(int id);
  Json call(const std::string& method, const Json& params);
  /// The next response with a null id.
  Json response_without_id();
  /// Waits until that many answers came.
  const std::vector<Json>& answers(std::size_t at_least);

  /// Answers so far.
  const std::vector<Json>& answers() const { return answers_; }

  void close_input() { child_.close_input(); }

  /// How it ended.
  worker::ExitState wait_exit();

 private:
  /// Reads once. Throws at the end of output and after the limit.
  void pump();

  std::chrono::seconds patience_;
  SystemClock clock_;
  worker::ChildProcess child_;
  worker::LineBuffer lines_;
  int last_id_ = 0;
  std::map<int, Json> responses_;
  std::vector<Json> without_id_;
  std::vector<Json> answers_;
};

}  // namespace headroom::conformance
