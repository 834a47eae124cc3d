#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace headroom::test {

/// How a process is started. Its environment is this one's without HEADROOM_*, HF_*, XDG_*,
/// NO_COLOR, and with HOME in `folder`, so that nothing of the user's reaches a test.
struct Start {
  std::vector<std::string> arguments;              ///< after the program's name
  std::filesystem::path folder;                    ///< working folder
  std::map<std::string, std::string> environment;  ///< set on top
  std::filesystem::path program;                   ///< empty: the built headroom
  bool close_output = false;                       ///< nobody reads its standard output
  /// What it is held at: from there on its standard error is not read, so that it stands still
  /// within the next 4 KiB of it, until wait(). Empty: nothing.
  std::string hold_at = {};
};

/// How it ended.
struct Finished {
  int status = -1;  ///< exit status, or 128 + signal
  std::string out;
  std::string err;
  double seconds = 0;
};

/// A process that runs. Killed when the object ends before it does.
class Running {
 public:
  explicit Running(const Start& start);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  pid_t pid() const { return pid_; }

  /// Waits until it has said Start::hold_at. False when it ended without, or 60 s went by.
  bool wait_until_held();
  void signal(int number) const;
  Finished wait();

 private:
  void read_all(int descriptor, std::string& into, const std::string& hold_at);

  pid_t pid_ = -1;
  double started_ = 0;
  bool reaped_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string out_;
  std::string err_;
  int open_ = 0;  ///< descriptors that have not ended
  bool held_ = false;
  bool let_go_ = false;
  std::vector<std::thread> readers_;
};

Finished run(const Start& start);

/// The same, held at that text of its standard error.
inline Start held(Start start, std::string text) {
  start.hold_at = std::move(text);
  return start;
}

}  // namespace headroom::test
