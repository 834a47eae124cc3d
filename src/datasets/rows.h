#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "byte_source.h"

namespace headroom::datasets {

/// One record's JSON text and where it stands.
struct Row {
  std::uint64_t number = 0;  ///< physical line, or place in the list, from 1
  std::string_view text;     ///< valid until the next row is read
};

/// Yields the records of a file one after another.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual std::optional<Row> next() = 0;
  /// "line" or "record": what a row's number counts.
  virtual std::string_view unit() const = 0;
  virtual const std::string& file() const = 0;

  /// "FILE: line 5".
  std::string where(std::uint64_t number) const;
};

/// The lines of a file that are not blank. Only LF ends a line (U+2028 and its like are text);
/// white space at both ends, CR included, is cut. A line may have 256 MiB.
class LineRows final : public RowSource {
 public:
  explicit LineRows(const std::filesystem::path& path) : source_(path) {}

  std::optional<Row> next() override;

  std::string_view unit() const override { return "line"; }

  const std::string& file() const override { return source_.file(); }

 private:
  bool read_line();

  ByteSource source_;
  std::string line_;
  std::uint64_t number_ = 0;
};

}  // namespace headroom::datasets
