#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "line_buffer.h"

namespace headroom::worker {

/// The last lines of a log, whatever its length.
class LogTail {
 public:
  /// Gives each line that this completes to `on_line`, printable and cut to 500 bytes.
  void append(std::string_view bytes, const std::function<void(const std::string&)>& on_line);
  /// The last 8 lines, an unfinished one included, joined by " | ".
  std::string text() const;

 private:
  void keep(std::string line);

  LineBuffer buffer_{std::size_t{1} << 16U};
  std::deque<std::string> lines_;
};

}  // namespace headroom::worker
