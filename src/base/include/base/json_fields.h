#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"

namespace headroom {

/// A JSON object of the wire or the journal read key by key. Null is as good as absent. Each getter
/// throws InputError("E-CONTRACT") naming the path ("ask.items[3].id") when the value has another
/// type or does not fit, and when a key is absent for which no default is given.
class JsonFields {
 public:
  /// Borrows `json`. Throws if it is not an object.
  JsonFields(const Json& json, std::string path);

  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view absent) const;
  bool flag(std::string_view key, bool absent) const;
  std::int64_t signed64(std::string_view key, std::int64_t absent) const;
  std::uint64_t unsigned64(std::string_view key) const;
  std::uint64_t unsigned64(std::string_view key, std::uint64_t absent) const;
  std::uint32_t unsigned32(std::string_view key) const;
  std::uint32_t unsigned32(std::string_view key, std::uint32_t absent) const;
  std::int32_t signed32(std::string_view key) const;
  /// Null is the default too, so that a figure that is not finite has a spelling.
  double number(std::string_view key, double absent) const;
  /// Nothing when absent.
  std::optional<Bytes> bytes(std::string_view key) const;

  Bytes bytes(std::string_view key, Bytes absent) const { return bytes(key).value_or(absent); }

  Bytes required_bytes(std::string_view key) const { return Bytes(unsigned64(key)); }

  /// "2026-01-02T03:04:05Z"; nothing when absent.
  std::optional<WallTime> moment(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  std::vector<std::int32_t> signed32s(std::string_view key) const;
  /// Text that need not be UTF-8: under `key`, or base64 under `key` + "_base64".
  std::string raw(std::string_view key) const;

  /// The object under `key`; null when absent.
  const Json* find(std::string_view key) const;
  const Json& array(std::string_view key) const;
  /// The array under `key`; null when absent.
  const Json* find_array(std::string_view key) const;
  std::string path_of(std::string_view key) const;
  [[noreturn]] void fail(std::string_view key, const std::string& what) const;

 private:
  const Json& require(std::string_view key) const;

  const Json& json_;
  std::string path_;
};

/// The inverse of `JsonFields::raw`; writes nothing for an empty text.
void put_raw(Json& json, const std::string& key, const std::string& value);
bool is_utf8(std::string_view text);

}  // namespace headroom
