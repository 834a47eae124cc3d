#include "database.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/errors.h"

namespace headroom::run {

namespace {

/// How long a lock of another connection is waited for: a reader's checkpoint, a copy being made.
constexpr int kBusyMilliseconds = 10'000;

int primary(int code) { return code & 0xff; }

std::string immutable_uri(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

Statement::Statement(Database& database, std::string_view sql, sqlite3_stmt* statement)
    : database_(&database), sql_(sql), statement_(statement) {}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      sql_(other.sql_),
      statement_(std::exchange(other.statement_, nullptr)),
      next_(other.next_) {}

Statement::~Statement() {
  if (statement_ != nullptr) {
    database_->give_back(sql_, statement_);
  }
}

Statement& Statement::bind(std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, next_++, value); code != SQLITE_OK) {
    database_->fail(code, sql_);
  }
  return *this;
}

Statement& Statement::bind(double value) {
  if (const int code = sqlite3_bind_double(statement_, next_++, value); code != SQLITE_OK) {
    database_->fail(code, sql_);
  }
  return *this;
}

Statement& Statement::bind(std::string_view value) {
  // A null pointer would bind NULL instead of an empty text.
  const char* data = value.data() == nullptr ? "" : value.data();
  const int code =
      sqlite3_bind_text64(statement_, next_++, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) {
    database_->fail(code, sql_);
  }
  return *this;
}

Statement& Statement::bind_blob(std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  const int code = sqlite3_bind_blob64(statement_, next_++, data, value.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) {
    database_->fail(code, sql_);
  }
  return *this;
}

Statement& Statement::bind_null() {
  if (const int code = sqlite3_bind_null(statement_, next_++); code != SQLITE_OK) {
    database_->fail(code, sql_);
  }
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code != SQLITE_DONE) {
    database_->fail(code, sql_);
  }
  return false;
}

void Statement::run() {
  while (step()) {
  }
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  next_ = 1;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (is_null(column)) {
    return std::nullopt;
  }
  return integer(column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Statement::text(int column) const {
  // As a blob: the same bytes, and texts with a zero inside keep what follows it.
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr) {
    return {};
  }
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Database::Database(const std::filesystem::path& path, Access access) : path_(path) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (access == Access::kRead || access == Access::kImmutable) {
    flags |= SQLITE_OPEN_READONLY;
    flags |= access == Access::kImmutable ? SQLITE_OPEN_URI : 0;
  } else {
    flags |= SQLITE_OPEN_READWRITE;
  }
  if (access == Access::kCreate) {
    flags |= SQLITE_OPEN_CREATE;
  } else if (std::error_code error; !std::filesystem::exists(path, error)) {
    throw UsageError(
        "E-JOURNAL-MISSING",
        fmt::format("{}: no such journal; `headroom runs` lists those there are", path.string()));
  }
  const std::string name = access == Access::kImmutable ? immutable_uri(path) : path.string();
  const int code = sqlite3_open_v2(name.c_str(), &handle_, flags, nullptr);
  if (code != SQLITE_OK) {
    try {
      fail(code, "open");
    } catch (...) {
      sqlite3_close_v2(handle_);
      throw;
    }
  }
  sqlite3_busy_timeout(handle_, kBusyMilliseconds);
}

Database::~Database() {
  for (auto& [sql, statements] : idle_) {
    for (sqlite3_stmt* statement : statements) {
      sqlite3_finalize(statement);
    }
  }
  sqlite3_close_v2(handle_);
}

Statement Database::query(std::string_view sql) { return {*this, sql, prepare(sql)}; }

sqlite3_stmt* Database::prepare(std::string_view sql) {
  auto& idle = idle_[sql];
  if (!idle.empty()) {
    sqlite3_stmt* statement = idle.back();
    idle.pop_back();
    return statement;
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_,
                                      sql.data(),
                                      static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT,
                                      &statement,
                                      nullptr);
  if (code != SQLITE_OK) {
    fail(code, sql);
  }
  return statement;
}

void Database::give_back(std::string_view sql, sqlite3_stmt* statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  idle_[sql].push_back(statement);
}

void Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    fail(code, sql);
  }
}

void Database::try_rollback() noexcept {
  sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

std::string Database::pragma_text(const std::string& name) {
  const std::string sql = "PRAGMA " + name;
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr);
  std::string value;
  if (code == SQLITE_OK) {
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
      const auto* text = sqlite3_column_text(statement, 0);
      value = text == nullptr ? "" : reinterpret_cast<const char*>(text);
    }
  }
  sqlite3_finalize(statement);
  if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) {
    fail(code, sql);
  }
  return value;
}

std::int64_t Database::pragma_integer(const std::string& name) {
  const std::string text = pragma_text(name);
  return text.empty() ? 0 : std::stoll(text);
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

void Database::fail(int code, std::string_view doing) const {
  const int extended = handle_ == nullptr ? code : sqlite3_extended_errcode(handle_);
  const int system = handle_ == nullptr ? 0 : sqlite3_system_errno(handle_);
  std::string words = sqlite3_errstr(code);
  if (handle_ != nullptr && primary(extended) == primary(code)) {
    words = sqlite3_errmsg(handle_);
  }
  const std::string where = path_.string();
  // Of the log's index in shared memory, which a file stands for, the system's word is not kept.
  const bool full = primary(code) == SQLITE_FULL || extended == SQLITE_IOERR_SHMSIZE ||
                    (primary(code) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT));
  if (full) {
    throw ResourceError("E-DISK-FULL",
                        fmt::format("{}: cannot write: no space left on the disk; all answers "
                                    "committed before are safe: free some space, then resume",
                                    where));
  }
  switch (primary(code)) {
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
    case SQLITE_NOLFS:
      throw ResourceError(
          "E-WRITE",
          fmt::format("{}: cannot be used: {} (SQLite code {}){}",
                      where,
                      words,
                      code,
                      system != 0 ? fmt::format(": {}", std::strerror(system)) : std::string()));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw UsageError("E-JOURNAL-CORRUPT",
                       fmt::format("{}: not a journal, or a damaged one: {} (SQLite code {}); "
                                   "restore it from a copy, or start a new run",
                                   where,
                                   words,
                                   code));
    case SQLITE_NOMEM:
      throw ResourceError("E-HOST-MEMORY",
                          fmt::format("{}: the system has no memory left for the journal", where));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw ResourceError("E-JOURNAL-BUSY",
                          fmt::format("{}: another program has locked the file for {} s; end it, "
                                      "then resume",
                                      where,
                                      kBusyMilliseconds / 1000));
    default:
      throw InternalError(fmt::format("{}: {} (SQLite code {}) at: {}", where, words, code, doing));
  }
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // After some errors (disk full) SQLite has rolled back by itself. When it cannot, the log's
  // uncommitted end is ignored by whoever opens the file next: nothing is lost.
  if (open_ && database_.in_transaction()) {
    database_.try_rollback();
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace headroom::run
