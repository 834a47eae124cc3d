#include "log_tail.h"

#include "base/json_fields.h"

namespace headroom::worker {

namespace {

constexpr std::size_t kLines = 8;
constexpr std::size_t kLineLength = 500;

}  // namespace

std::string printable(std::string_view text) {
  const bool utf8 = is_utf8(text);
  std::string result(text);
  for (char& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (!utf8 && byte >= 0x80)) {
      c = c == '\t' ? ' ' : '?';
    }
  }
  return result;
}

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
