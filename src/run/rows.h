#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/conversation.h"
#include "base/json.h"
#include "database.h"
#include "memory/reading.h"
#include "run/records.h"

/// How records stand in the journal's rows: one pair of functions for each kind.
namespace headroom::run {

/// Binds HEADROOM_ITEM_COLUMNS. Pictures' bytes go into their own table: see store_pictures.
void bind_item(Statement& statement, const ItemRecord& item);
/// Reads them from column `first` on; pictures' bytes stay out.
ItemRecord read_item(const Statement& row, int first);
/// Stores the bytes of embedded pictures, each content once.
void store_pictures(Database& database, const datasets::Item& item);
/// Puts them back into an item that was read.
void load_pictures(Database& database, datasets::Item& item);
inline constexpr int kItemColumns = 17;

/// Stores readings, each value once: answers of one group mostly share theirs.
class ReadingStore {
 public:
  /// The row of this reading.
  std::int64_t put(Database& database, const memory::Reading& reading);

  /// To be called when the transaction is undone: rows that were counted on are gone.
  void forget() { recent_.clear(); }

 private:
  struct Known {
    std::int64_t row = 0;
    memory::Reading reading;
  };

  std::vector<Known> recent_;  ///< the last few
};

/// Reads the twelve columns of `reading` after its number, from column `first` on.
memory::Reading read_reading(const Statement& row, int first);
std::optional<memory::Reading> find_reading(Database& database, std::optional<std::int64_t> row);

/// Binds HEADROOM_ANSWER_COLUMNS; readings are stored as rows of their own.
void bind_answer(Statement& statement,
                 std::uint32_t model,
                 const AnswerRecord& answer,
                 std::int64_t before,
                 std::int64_t after);
/// Reads them from column `first` on. Readings are looked up when `database` is given.
AnswerRecord read_answer(const Statement& row, int first, Database* database);
inline constexpr int kAnswerColumns = 23;

/// Columns of `memory_event` but `no`, in the order of the schema.
void bind_event(Statement& statement,
                std::uint32_t model,
                const memory::MemoryEvent& event,
                std::optional<std::int64_t> before,
                std::optional<std::int64_t> after);
MemoryRecord read_event(const Statement& row, int first, Database& database);

/// The opposite of backends::to_string.
backends::Death::Kind death_kind(const std::string& text);

std::int64_t milliseconds(WallTime time);
WallTime from_milliseconds(std::int64_t count);

}  // namespace headroom::run
