#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace headroom::cli {

/// Watches for SIGINT and SIGTERM while it lives: the first calls `on_first` (from a thread of its
/// own) so that the work may finish its write; a second one ends the process at once with the
/// signal's exit code, which loses nothing that was committed. One object at a time.
class SignalWatch {
 public:
  explicit SignalWatch(std::function<void(int signal)> on_first);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// SIGINT, SIGTERM, or 0 when none came.
  int caught() const { return caught_.load(); }

 private:
  void watch();

  std::function<void(int)> on_first_;
  std::atomic<int> caught_{0};
  int pipe_[2] = {-1, -1};
  std::thread thread_;
};

}  // namespace headroom::cli
