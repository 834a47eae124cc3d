#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace headroom::run {

class Database;

/// One prepared statement in use. Returned to its database's store when it goes.
/// Errors: what Database::fail says.
class Statement {
 public:
  Statement(Database& database, std::string_view sql, sqlite3_stmt* statement);
  Statement(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Fill the next parameter. Texts are copied.
  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  Statement& bind(std::string_view value);
  Statement& bind_blob(std::string_view value);
  Statement& bind_null();

  Statement& bind(std::optional<std::int64_t> value) { return value ? bind(*value) : bind_null(); }

  /// Empty texts are stored as NULL: most columns are empty in most rows.
  Statement& bind_text(std::string_view value) { return value.empty() ? bind_null() : bind(value); }

  /// Moves to the next row; false after the last.
  bool step();
  /// For a statement without rows. Can be bound and run again afterwards.
  void run();

  std::int64_t integer(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;  ///< NULL: empty
  bool is_null(int column) const;

 private:
  Database* database_;
  std::string_view sql_;
  sqlite3_stmt* statement_;
  int next_ = 1;
};

/// One connection to a SQLite file, with our errors and settings. Thread: one.
class Database {
 public:
  /// kImmutable: from a medium that cannot be written, where even a reader's lock has no place.
  enum class Access { kRead, kImmutable, kWrite, kCreate };

  /// Throws UsageError("E-JOURNAL-MISSING", "E-JOURNAL-CORRUPT"), ResourceError.
  Database(const std::filesystem::path& path, Access access);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  const std::filesystem::path& path() const { return path_; }

  /// `sql` must outlive the database: pass literals. Compiled once, kept for reuse.
  Statement query(std::string_view sql);
  /// For statements made at run time, and several at once; results are dropped.
  void execute(const std::string& sql);
  /// Undoes the open transaction, if that is possible.
  void try_rollback() noexcept;
  std::int64_t pragma_integer(const std::string& name);
  std::string pragma_text(const std::string& name);
  /// Rows changed by the last statement.
  std::int64_t changes() const;
  bool in_transaction() const;

  /// Throws the error of ours that fits SQLite's code, naming file, doing and both codes' words.
  [[noreturn]] void fail(int code, std::string_view doing) const;

 private:
  friend class Statement;
  sqlite3_stmt* prepare(std::string_view sql);
  void give_back(std::string_view sql, sqlite3_stmt* statement);

  std::filesystem::path path_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string_view, std::vector<sqlite3_stmt*>> idle_;
};

/// All or nothing: what is not committed is undone.
class Transaction {
 public:
  explicit Transaction(Database& database);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  /// When this has returned, the changes are on the disk. When it throws, there are none.
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace headroom::run
