#include "line_buffer.h"

#include <algorithm>

namespace headroom::worker {

namespace {

constexpr std::size_t kShownStart = 256;

}  // namespace

void LineBuffer::append(std::string_view bytes) {
  if (start_ > 0 && start_ >= buffer_.size() / 2) {
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<LineBuffer::Line> LineBuffer::next() {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end == std::string::npos) {
      scanned_ = buffer_.size();
      const bool over = buffer_.size() - start_ > max_line_;
      Line line{over ? buffer_.substr(start_, kShownStart) : std::string(), true};
      if (over || skipping_) {
        buffer_.clear();
        start_ = scanned_ = 0;
      }
      if (over && !skipping_) {
        skipping_ = true;
        return line;
      }
      return std::nullopt;
    }
    std::string_view text = std::string_view(buffer_).substr(start_, end - start_);
    start_ = scanned_ = end + 1;
    if (skipping_) {
      skipping_ = false;
      continue;
    }
    if (text.size() > max_line_) {
      return Line{std::string(text.substr(0, kShownStart)), true};
    }
    if (text.ends_with('\r')) {
      text.remove_suffix(1);
    }
    if (!text.empty()) {
      return Line{std::string(text), false};
    }
  }
}

}  // namespace headroom::worker
