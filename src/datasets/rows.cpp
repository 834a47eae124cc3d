#include "rows.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace headroom::datasets {

namespace {

constexpr std::size_t kLongestLine = 256UL << 20U;
constexpr std::string_view kBlank = " \t\r\f\v";

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(kBlank);
  if (first == std::string_view::npos) {
    return {};
  }
  return line.substr(first, line.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

std::string RowSource::where(std::uint64_t number) const {
  return fmt::format("{}: {} {}", file(), unit(), number);
}

bool LineRows::read_line() {
  line_.clear();
  bool any = false;
  for (std::string_view piece = source_.available(); !piece.empty(); piece = source_.available()) {
    any = true;
    const std::size_t end = piece.find('\n');
    line_.append(piece.substr(0, end));
    source_.consume(end == std::string_view::npos ? piece.size() : end + 1);
    if (end != std::string_view::npos) {
      break;
    }
    if (line_.size() > kLongestLine) {
      throw UsageError("E-DATA-LINE",
                       fmt::format("{}: longer than {} bytes; expected one JSON object a line",
                                   where(number_ + 1),
                                   kLongestLine));
    }
  }
  number_ += any ? 1 : 0;
  return any;
}

std::optional<Row> LineRows::next() {
  while (read_line()) {
    const std::string_view text = trimmed(line_);
    if (!text.empty()) {
      return Row{number_, text};
    }
  }
  return std::nullopt;
}

}  // namespace headroom::datasets
