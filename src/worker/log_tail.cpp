#include "log_tail.h"

#include "base/printable.h"

namespace headroom::worker {

namespace {

constexpr std::size_t kLines = 8;
constexpr std::size_t kLineLength = 500;

}  // namespace

void LogTail::append(std::string_view bytes,
                     const std::function<void(const std::string&)>& on_line) {
  buffer_.append(bytes);
  while (const std::optional<LineBuffer::Line> line = buffer_.next()) {
    keep(printable(std::string_view(line->text).substr(0, kLineLength)));
    on_line(lines_.back());
  }
}

void LogTail::keep(std::string line) {
  lines_.push_back(std::move(line));
  if (lines_.size() > kLines) {
    lines_.pop_front();
  }
}

std::string LogTail::text() const {
  std::string result;
  const auto add = [&result](const std::string& line) {
    result += (result.empty() ? "" : " | ") + line;
  };
  for (const std::string& line : lines_) {
    add(line);
  }
  if (!buffer_.rest().empty()) {
    add(printable(buffer_.rest().substr(0, kLineLength)));
  }
  return result;
}

}  // namespace headroom::worker
