#include "report/memory_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "text.h"

namespace headroom::report {

namespace {

using memory::ReadingSpan;

constexpr std::size_t kRows = 12;
constexpr std::size_t kLabel = 10;  ///< columns of "1023.9 MiB"
constexpr std::size_t kLeastPlot = 28;
/// A budget so many times the peak is drawn above a break in the axis.
constexpr double kBreakFrom = 3.0;
/// The sampler never pauses for so long while a run is at work.
constexpr std::chrono::seconds kPause{2};
constexpr std::size_t kTickColumns = 12;

/// The letters of a chart, in both alphabets.
struct Glyphs {
  std::string_view active, cache, other, line, axis, tick, corner, side, pause, gap;
};

constexpr Glyphs kUnicode = {"█", "▓", "░", "─", "─", "┴", "└", "│", "┊", "⋮"};
constexpr Glyphs kAscii = {"#", "+", ":", "-", "-", "+", "+", "|", "/", "~"};

/// Time without the pauses.
class Axis {
 public:
  explicit Axis(const std::vector<ReadingSpan>& spans) {
    for (const ReadingSpan& span : spans) {
      const Duration pause = std::max<Duration>(kPause, 4 * span.width);
      if (parts_.empty() || span.begin - parts_.back().end > pause) {
        const double offset = parts_.empty() ? 0.0 : total();
        parts_.push_back({span.begin, span.end(), offset});
      }
      parts_.back().end = std::max(parts_.back().end, span.end());
    }
  }

  double total() const {
    return parts_.back().offset + seconds(parts_.back().end - parts_.back().begin);
  }

  /// Seconds from the start; of a moment within a pause, where the pause is.
  double at(WallTime time) const {
    const auto next =
        std::upper_bound(parts_.begin(), parts_.end(), time, [](WallTime one, const Part& part) {
          return one < part.begin;
        });
    if (next == parts_.begin()) {
      return 0.0;
    }
    const Part& part = *(next - 1);
    return part.offset + seconds(std::min(time, part.end) - part.begin);
  }

  /// Where the pauses are.
  std::vector<double> pauses() const {
    std::vector<double> places;
    for (std::size_t i = 1; i < parts_.size(); ++i) {
      places.push_back(parts_[i].offset);
    }
    return places;
  }

 private:
  struct Part {
    WallTime begin, end;
    double offset;
  };

  std::vector<Part> parts_;
};

struct Column {
  std::optional<double> peak;
  std::optional<double> active;
  std::optional<double> cache;
};

void raise(std::optional<double>& into, const std::optional<memory::Range>& range) {
  if (range) {
    into = std::max(into.value_or(0.0), static_cast<double>(range->high.count()));
  }
}

/// Columns of a drawing that goes elsewhere.
constexpr std::size_t kWithoutTerminal = 80;

std::size_t plot_width(std::size_t columns) {
  return std::max(kLeastPlot, columns > kLabel + 2 ? columns - kLabel - 2 : 0);
}

class Drawing {
 public:
  Drawing(const MemoryChart& chart, const Style& style)
      : chart_(chart),
        style_(style),
        glyphs_(style.ascii ? kAscii : kUnicode),
        axis_(chart.spans),
        width_(plot_width(style.width.value_or(kWithoutTerminal))),
        columns_(width_) {
    fill_columns();
    set_scale();
  }

  std::string text() const {
    std::string out;
    if (budget_ > 0 && broken_axis_) {
      out += budget_line(std::vector<bool>(width_, false));
      out += fmt::format("{:>{}} {}\n", "", kLabel, glyphs_.gap);
    }
    const std::size_t top = budget_ > 0 && !broken_axis_ ? std::max(kRows, budget_row_ + 1) : kRows;
    for (std::size_t row = top; row-- > 0;) {
      out += data_row(row);
    }
    return out + axis_rows() + mark_rows() + legend();
  }

 private:
  std::size_t column_of(double place) const {
    const double share = place / axis_.total();
    return std::min(width_ - 1, static_cast<std::size_t>(share * static_cast<double>(width_)));
  }

  void fill_columns() {
    const bool device = chart_.counter == memory::Counter::kDevice;
    for (const ReadingSpan& span : chart_.spans) {
      const std::size_t first = column_of(axis_.at(span.begin));
      // A span that ends where a column begins is not in that column.
      const double end = axis_.at(span.end()) / axis_.total() * static_cast<double>(width_);
      const auto last = static_cast<std::size_t>(std::max(0.0, std::ceil(end - 1e-6) - 1.0));
      for (std::size_t i = first; i <= std::min(std::max(first, last), width_ - 1); ++i) {
        raise(columns_[i].peak, device ? span.device : span.footprint);
        raise(columns_[i].active, span.active);
        raise(columns_[i].cache, span.cache);
      }
    }
    // The allocator tells its figures with each answer: until the next they stand.
    for (std::size_t i = 1; i < width_; ++i) {
      Column& now = columns_[i];
      const Column& before = columns_[i - 1];
      now.active = now.active ? now.active : before.active;
      now.cache = now.cache ? now.cache : before.cache;
      now.peak = device && !now.peak ? before.peak : now.peak;
    }
  }

  void set_scale() {
    double peak = 0.0;
    for (const Column& column : columns_) {
      peak = std::max(peak, column.peak.value_or(0.0));
    }
    budget_ = chart_.budget ? static_cast<double>(chart_.budget->count()) : 0.0;
    broken_axis_ = budget_ > kBreakFrom * peak && peak > 0;
    const double top = broken_axis_ ? peak : std::max({peak, budget_, 1.0});
    step_ = top / static_cast<double>(kRows);
    budget_row_ = static_cast<std::size_t>(std::lround(budget_ / step_));
    if (peak > budget_) {
      budget_row_ = std::min(budget_row_, kRows - 1);
    }
  }

  bool fills(double value, std::size_t row) const {
    if (budget_ > 0 && !broken_axis_ && row == budget_row_) {
      return value > budget_;
    }
    const double middle = (static_cast<double>(row) + 0.5) * step_;
    return value >= middle || (row == 0 && value > 0);
  }

  std::string_view glyph(const Column& column, std::size_t row) const {
    const double active = column.active.value_or(0.0);
    if (fills(active, row)) {
      return glyphs_.active;
    }
    return fills(active + column.cache.value_or(0.0), row) ? glyphs_.cache : glyphs_.other;
  }

  std::string budget_line(const std::vector<bool>& taken) const {
    std::string label = to_string(chart_.budget.value_or(Bytes()));
    std::string out = fmt::format("{:>{}} {}", label, kLabel, glyphs_.side);
    for (std::size_t i = 0; i < width_; ++i) {
      out += taken[i] ? toned(std::string(glyph(columns_[i], budget_row_)), Tone::kBad, style_)
                      : toned(std::string(glyphs_.line), Tone::kFaint, style_);
    }
    return out + "\n";
  }

  std::string data_row(std::size_t row) const {
    std::vector<bool> taken(width_);
    for (std::size_t i = 0; i < width_; ++i) {
      taken[i] = columns_[i].peak && fills(columns_[i].peak.value_or(0.0), row);
    }
    if (budget_ > 0 && !broken_axis_ && row == budget_row_) {
      return budget_line(taken);
    }
    const bool below_budget = budget_ > 0 && !broken_axis_ && row + 1 == budget_row_;
    const bool labelled = row % 4 == 3 && !below_budget;
    const auto value = static_cast<std::uint64_t>(static_cast<double>(row + 1) * step_);
    std::string out =
        fmt::format("{:>{}} {}", labelled ? to_string(Bytes(value)) : "", kLabel, glyphs_.side);
    for (std::size_t i = 0; i < width_; ++i) {
      if (!taken[i]) {
        out += ' ';
        continue;
      }
      const bool above = budget_ > 0 && columns_[i].peak.value_or(0.0) > budget_;
      out += toned(std::string(glyph(columns_[i], row)), above ? Tone::kBad : Tone::kPlain, style_);
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
  }

  std::string axis_rows() const;
  std::string mark_rows() const;
  std::string legend() const;

  const MemoryChart& chart_;
  const Style& style_;
  const Glyphs& glyphs_;
  Axis axis_;
  std::size_t width_;
  std::vector<Column> columns_;
  double budget_ = 0.0;  ///< 0: none
  double step_ = 1.0;    ///< bytes a row
  bool broken_axis_ = false;
  std::size_t budget_row_ = 0;
};

struct TickStep {
  double seconds;
  double unit;  ///< seconds of one unit of the label
  std::string_view name;
};

constexpr double kMinute = 60.0;
constexpr double kHour = 3600.0;
constexpr double kDay = 86400.0;

constexpr std::array<TickStep, 22> kTickSteps = {{
    {0.05, 1, "s"},
    {0.1, 1, "s"},
    {0.2, 1, "s"},
    {0.5, 1, "s"},
    {1, 1, "s"},
    {2, 1, "s"},
    {5, 1, "s"},
    {10, 1, "s"},
    {20, 1, "s"},
    {kMinute, kMinute, "min"},
    {2 * kMinute, kMinute, "min"},
    {5 * kMinute, kMinute, "min"},
    {10 * kMinute, kMinute, "min"},
    {20 * kMinute, kMinute, "min"},
    {kHour, kHour, "h"},
    {2 * kHour, kHour, "h"},
    {4 * kHour, kHour, "h"},
    {12 * kHour, kHour, "h"},
    {kDay, kDay, "d"},
    {2 * kDay, kDay, "d"},
    {7 * kDay, kDay, "d"},
    {30 * kDay, kDay, "d"},
}};

/// The finest step whose ticks stand far enough apart for their labels.
TickStep tick_step(double total, std::size_t width) {
  for (const TickStep& step : kTickSteps) {
    if (step.seconds / total * static_cast<double>(width) >= static_cast<double>(kTickColumns)) {
      return step;
    }
  }
  return kTickSteps.back();
}

std::string Drawing::axis_rows() const {
  const TickStep step = tick_step(axis_.total(), width_);
  std::vector<std::string_view> line(width_, glyphs_.axis);
  std::string labels(width_ + kTickColumns, ' ');
  for (std::size_t i = 0;; ++i) {
    const double place = static_cast<double>(i) * step.seconds;
    if (place >= axis_.total()) {
      break;
    }
    const std::size_t column = column_of(place);
    line[column] = glyphs_.tick;
    const std::string label = fmt::format("{:g} {}", place / step.unit, step.name);
    if (column + label.size() <= width_) {
      labels.replace(column, label.size(), label);
    }
  }
  for (const double pause : axis_.pauses()) {
    line[column_of(pause)] = glyphs_.pause;
  }
  labels.erase(labels.find_last_not_of(' ') + 1);
  std::string out = fmt::format("{:>{}} {}", "0 B", kLabel, glyphs_.corner);
  for (const std::string_view one : line) {
    out += one;
  }
  return out + "\n" + std::string(kLabel + 2, ' ') + labels + "\n";
}

struct MarkRow {
  std::string_view label;
  MarkKind kind;
  char letter;
  Tone tone;
};

/// Within one label the later kind wins a column.
constexpr std::array<MarkRow, 7> kMarkRows = {{
    {"clean-up", MarkKind::kNormalClean, 'n', Tone::kPlain},
    {"clean-up", MarkKind::kAggressiveClean, 'A', Tone::kWarning},
    {"rung", MarkKind::kRung, 'r', Tone::kWarning},
    {"refused", MarkKind::kRefusal, 'R', Tone::kWarning},
    {"pressure", MarkKind::kPressure, 'p', Tone::kWarning},
    {"death", MarkKind::kDeath, 'D', Tone::kBad},
    {"broken", MarkKind::kBroken, 'B', Tone::kBad},
}};

std::string Drawing::mark_rows() const {
  std::string out;
  for (std::size_t first = 0; first < kMarkRows.size();) {
    const std::string_view label = kMarkRows[first].label;
    std::vector<const MarkRow*> cells(width_, nullptr);
    bool any = false;
    std::size_t next = first;
    for (; next < kMarkRows.size() && kMarkRows[next].label == label; ++next) {
      for (const ChartMark& mark : chart_.marks) {
        if (mark.kind == kMarkRows[next].kind) {
          cells[column_of(axis_.at(mark.time))] = &kMarkRows[next];
          any = true;
        }
      }
    }
    first = next;
    if (!any) {
      continue;
    }
    std::string line = fmt::format("{:>{}}  ", label, kLabel);
    for (const MarkRow* const cell : cells) {
      line += cell == nullptr ? " " : toned(std::string(1, cell->letter), cell->tone, style_);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string Drawing::legend() const {
  std::vector<std::string> entries = {fmt::format("{} active", glyphs_.active),
                                      fmt::format("{} cache", glyphs_.cache)};
  if (chart_.counter == memory::Counter::kFootprint) {
    entries.push_back(fmt::format("{} rest of the footprint", glyphs_.other));
  }
  if (budget_ > 0) {
    entries.push_back(fmt::format("{} budget", glyphs_.line));
  }
  if (!axis_.pauses().empty()) {
    entries.push_back(fmt::format("{} paused", glyphs_.pause));
  }
  const bool cleaned = std::any_of(chart_.marks.begin(), chart_.marks.end(), [](const auto& mark) {
    return mark.kind == MarkKind::kNormalClean || mark.kind == MarkKind::kAggressiveClean;
  });
  if (cleaned) {
    entries.emplace_back("n normal, A aggressive clean-up");
  }
  const std::string indent(kLabel + 2, ' ');
  std::string out;
  std::string line;
  for (const std::string& entry : entries) {
    if (!line.empty() && shown_width(line) + 3 + shown_width(entry) > width_) {
      out += indent + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : "   ") + entry;
  }
  return out + indent + line + "\n";
}

}  // namespace

std::string chart_text(const MemoryChart& chart, const Style& style) {
  if (chart.spans.empty()) {
    return "no readings over time: none committed yet, or a journal that was begun before they "
           "were "
           "kept\n";
  }
  return Drawing(chart, style).text();
}

}  // namespace headroom::report
