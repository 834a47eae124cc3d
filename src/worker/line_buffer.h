#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace headroom::worker {

/// Longest line of the contract, without its end.
inline constexpr std::size_t kMaxLine = std::size_t{64} << 20U;

/// Cuts a stream of bytes into lines, with a limit: memory stays below the limit plus one append.
class LineBuffer {
 public:
  struct Line {
    std::string text;
    /// The line grew beyond the limit: `text` is its beginning (256 bytes at most), the rest is
    /// skipped.
    bool too_long = false;
  };

  explicit LineBuffer(std::size_t max_line = kMaxLine) : max_line_(max_line) {}

  void append(std::string_view bytes);
  /// The next complete line, without "\n" or "\r\n"; a line that is too long as soon as that is
  /// known. Empty lines are passed over.
  std::optional<Line> next();

  /// What came after the last line's end.
  std::string_view rest() const { return std::string_view(buffer_).substr(start_); }

 private:
  std::size_t max_line_;
  std::string buffer_;
  std::size_t start_ = 0;    ///< of the first byte not handed out
  std::size_t scanned_ = 0;  ///< up to here there is no line end
  bool skipping_ = false;    ///< the rest of a line that was too long
};

}  // namespace headroom::worker
