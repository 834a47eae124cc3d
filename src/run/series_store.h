#pragma once

#include <cstdint>
#include <vector>

#include "database.h"
#include "run/records.h"

namespace headroom::run {

/// The rows of the readings over time, for the journal's writer. Bounded: when there are more than
/// `most_rows`, the width of all spans doubles until there are fewer; peaks and troughs stay.
/// Called within a transaction.
class SeriesStore {
 public:
  /// Twenty rows a second for an hour and a half, then ten a second for as long, and so on.
  static constexpr std::int64_t kMostRows = 131'072;

  explicit SeriesStore(std::int64_t most_rows = kMostRows) : most_rows_(most_rows) {}

  void put(Database& database, std::uint32_t model, std::vector<memory::ReadingSpan> spans);

  /// To be called when the transaction is undone.
  void forget() { known_ = false; }

 private:
  void make_room(Database& database);

  std::int64_t most_rows_;
  bool known_ = false;  ///< else rows_ and width_ are to be looked up
  std::int64_t rows_ = 0;
  memory::ReadingSpan::Width width_{0};  ///< no row is narrower
};

/// Reads HEADROOM_SERIES_COLUMNS from column 0 on.
SpanRecord read_span(const Statement& row);

}  // namespace headroom::run
