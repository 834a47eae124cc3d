#include "text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace headroom::report {

namespace {

/// What our own texts use, and its nearest in ASCII.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kAscii = {{
    {"·", "|"},
    {"–", "-"},
    {"—", "-"},
    {"±", "+-"},
    {"█", "#"},
    {"▓", "#"},
    {"░", "."},
    {"…", "..."},
    {"×", "x"},
    {"≤", "<="},
    {"≥", ">="},
    {"→", "->"},
    {"−", "-"},
    {"’", "'"},
}};

/// Of the tones, in their order.
constexpr std::array<std::string_view, 6> kCodes = {"0", "32", "33", "31", "2", "1"};

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::string_view nearest_ascii(std::string_view character) {
  for (const auto& [from, to] : kAscii) {
    if (from == character) {
      return to;
    }
  }
  return "?";
}

}  // namespace

std::string accuracy_text(const std::optional<scoring::Estimate>& estimate) {
  if (!estimate) {
    return "–";
  }
  std::string text = percent(estimate->mean);
  if (estimate->interval) {
    text += fmt::format(" [{}–{}]",
                        percent_number(estimate->interval->low),
                        percent_number(estimate->interval->high));
  }
  return text;
}

std::string counted_share_text(const std::optional<scoring::Estimate>& estimate) {
  return estimate ? accuracy_text(estimate) + " of " + grouped(estimate->count) : "–";
}

std::string counted_mean_text(const std::optional<scoring::Estimate>& estimate) {
  return estimate ? percent(estimate->mean) + " of " + grouped(estimate->count) : "–";
}

std::string duration_text(double seconds) {
  if (seconds < 0.9995) {
    return fmt::format("{:.0f} ms", seconds * 1000.0);
  }
  if (seconds < 99.95) {
    return fmt::format("{:.1f} s", seconds);
  }
  const auto whole = static_cast<std::uint64_t>(std::llround(std::min(seconds, 1e15)));
  if (whole < 3600) {
    return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  }
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

std::string deviation_text(Bytes measured, Bytes planned) {
  if (planned == Bytes()) {
    return "–";
  }
  const double ratio =
      static_cast<double>(measured.count()) / static_cast<double>(planned.count()) - 1.0;
  return fmt::format("{:+.1f} %", ratio * 100.0);
}

std::string toned(const std::string& text, Tone tone, const Style& style) {
  if (!style.colour || tone == Tone::kPlain) {
    return text;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(tone)], text);
}

std::string to_ascii(std::string_view text) {
  std::string result;
  for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
    end = at + 1;
    while (end < text.size() && continues(text[end])) {
      ++end;
    }
    const bool ascii = static_cast<unsigned char>(text[at]) < 0x80U;
    if (ascii) {
      end = at + 1;
      result += text[at];
    } else {
      result += nearest_ascii(text.substr(at, end - at));
    }
  }
  return result;
}

std::string spelt(std::string text, const Style& style) {
  return style.ascii ? to_ascii(text) : text;
}

std::size_t shown_width(std::string_view text) {
  std::size_t width = 0;
  bool code = false;
  for (const char c : text) {
    if (c == '\x1b') {
      code = true;
    } else if (code) {
      code = c != 'm';
    } else if (!continues(c)) {
      ++width;
    }
  }
  return width;
}

std::string shortened(std::string_view text, std::optional<std::size_t> width) {
  std::string clean;
  for (const char c : text) {
    const bool control = static_cast<unsigned char>(c) < 0x20U || c == '\x7f';
    clean += control ? ' ' : c;
  }
  if (!width || shown_width(clean) <= *width) {
    return clean;
  }
  std::size_t end = 0;
  for (std::size_t columns = 0; end < clean.size(); ++end) {
    if (!continues(clean[end]) && ++columns == std::max<std::size_t>(*width, 1)) {
      break;
    }
  }
  return clean.substr(0, end) + "…";
}

std::string Table::text(std::optional<std::size_t> width) const {
  std::string table = aligned();
  for (std::size_t start = 0; width && start < table.size();) {
    const std::size_t end = table.find('\n', start);
    if (shown_width(std::string_view(table).substr(start, end - start)) > *width) {
      return stacked();
    }
    start = end + 1;
  }
  return table;
}

std::string Table::stacked() const {
  const std::vector<std::string>& heads = rows_.front();
  std::size_t widest = 0;
  for (std::size_t i = 1; i < heads.size(); ++i) {
    widest = std::max(widest, shown_width(heads[i]));
  }
  const std::string indent(heads.front().find_first_not_of(' ') + 2, ' ');
  std::string result;
  for (std::size_t row = 1; row < rows_.size(); ++row) {
    result += rows_[row].front() + "\n";
    for (std::size_t i = 1; i < rows_[row].size(); ++i) {
      const std::string blanks(widest - shown_width(heads[i]), ' ');
      result += indent + heads[i] + blanks + "  " + rows_[row][i] + "\n";
    }
  }
  return result;
}

std::string Table::aligned() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], shown_width(row[i]));
    }
  }
  std::string result;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - shown_width(row[i]), ' ');
      line += i == 0 ? row[i] + blanks : "  " + blanks + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + "\n";
  }
  return result;
}

}  // namespace headroom::report
