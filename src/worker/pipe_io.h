#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string_view>

namespace headroom::worker {

/// write(2) that turns a closed reader into EPIPE instead of a signal, for this call alone, and
/// goes on after EINTR. Returns what write returns; errno as write leaves it.
ssize_t write_quietly(int fd, std::string_view bytes);

/// Writes all of it to a descriptor, waiting when it is full. False when nobody reads any more.
bool write_all(int fd, std::string_view bytes);

struct PipeEnds {
  int read = -1;
  int write = -1;
};

/// A pipe whose ends are close-on-exec and none of 0, 1, 2. Throws ResourceError("E-PIPE") when the
/// process has no descriptors left.
PipeEnds make_pipe();
void set_nonblocking(int fd);

/// A pipe that wakes a thread out of poll. `wake` may be called from signal handlers.
class WakePipe {
 public:
  /// Throws like make_pipe.
  WakePipe();
  ~WakePipe();
  WakePipe(const WakePipe&) = delete;
  WakePipe& operator=(const WakePipe&) = delete;

  int descriptor() const { return ends_.read; }

  void wake() const;
  /// Makes the descriptor quiet again.
  void drain() const;

 private:
  PipeEnds ends_;
};

}  // namespace headroom::worker
