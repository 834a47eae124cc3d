#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/grouped.h"
#include "base/percent.h"
#include "report/terminal.h"
#include "scoring/statistics.h"

/// Words and figures as people read them.
namespace headroom::report {

/// "63.1 % [58.3–67.6]"; without an interval the mean alone; "–" for nothing.
std::string accuracy_text(const std::optional<scoring::Estimate>& estimate);
/// The same with the denominator: "63.1 % [58.3–67.6] of 20".
std::string counted_share_text(const std::optional<scoring::Estimate>& estimate);
/// "63.1 % of 20"; "–" for nothing.
std::string counted_mean_text(const std::optional<scoring::Estimate>& estimate);
/// "0.4 s", "4m14s", "2h05m".
std::string duration_text(double seconds);
/// "+2.8 %", of `measured` against `planned`.
std::string deviation_text(Bytes measured, Bytes planned);

enum class Tone { kPlain, kGood, kWarning, kBad, kFaint, kStrong };
std::string toned(const std::string& text, Tone tone, const Style& style);

/// With style.ascii: to_ascii.
std::string spelt(std::string text, const Style& style);

/// Columns on the screen: code points, without combining marks and colour codes counted as none.
std::size_t shown_width(std::string_view text);
/// At most `width` columns where there is a width, the rest being "…"; control characters become
/// blanks.
std::string shortened(std::string_view text, std::optional<std::size_t> width);

/// Rows of cells below a row of heads, aligned; the first column to the left, the others to the
/// right.
class Table {
 public:
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// Two blanks between columns; each line ends with '\n'. Where that is wider than `width`, each
  /// row is its first cell and a line for every other one, behind its head.
  std::string text(std::optional<std::size_t> width) const;

 private:
  std::string aligned() const;
  std::string stacked() const;

  std::vector<std::vector<std::string>> rows_;
};

}  // namespace headroom::report
