#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "byte_source.h"
#include "rows.h"

namespace headroom::datasets {

/// The elements of one list in a JSON file, without holding the file: the list at the root, or the
/// one under `key` of the object at the root. Elements are cut out by their brackets; what is
/// inside them is for the caller to parse. An element may have 64 MiB.
/// Throws UsageError("E-DATA-JSON") naming file and byte for broken structure, and the keys that
/// are there when `key` is not.
class JsonElements final : public RowSource {
 public:
  explicit JsonElements(const std::filesystem::path& path, std::string key = "");

  std::optional<Row> next() override;

  std::string_view unit() const override { return "record"; }

  const std::string& file() const override { return source_.file(); }

  /// Where in the file the last element begins.
  std::uint64_t offset() const { return element_offset_; }

 private:
  enum class State { kBefore, kFirst, kFurther, kDone };

  [[noreturn]] void fail(const std::string& expected) const;
  int peek();
  int peek_past_blanks();
  void expect(char wanted);
  void enter_list();
  std::string read_string();
  /// Takes the value that begins here, copying it to `text` unless that is null.
  void take_value(std::string* text);
  void take_nested(std::string* text);
  void take_scalar(std::string* text);

  ByteSource source_;
  std::string key_;
  std::string element_;
  std::uint64_t element_offset_ = 0;
  std::uint64_t number_ = 0;
  State state_ = State::kBefore;
};

}  // namespace headroom::datasets
