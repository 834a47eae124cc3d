#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "memory/reading.h"

namespace headroom::worker {

/// A JSON object read key by key. Each getter throws InputError("E-CONTRACT") naming the path
/// ("ask.items[3].id") when the value has another type or does not fit; the two-argument forms
/// give the default when the key is absent or null.
class Fields {
 public:
  /// Borrows `json`. Throws if it is not an object.
  Fields(const Json& json, std::string path);

  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view absent) const;
  bool flag(std::string_view key, bool absent) const;
  std::int64_t signed64(std::string_view key, std::int64_t absent) const;
  std::uint64_t unsigned64(std::string_view key, std::uint64_t absent) const;
  std::uint32_t unsigned32(std::string_view key) const;
  std::uint32_t unsigned32(std::string_view key, std::uint32_t absent) const;
  std::int32_t signed32(std::string_view key) const;
  /// Null is the default too, so that a figure that is not finite has a spelling.
  double number(std::string_view key, double absent) const;
  std::optional<Bytes> bytes(std::string_view key) const;
  /// "2026-01-02T03:04:05Z".
  std::optional<WallTime> moment(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  std::vector<std::int32_t> signed32s(std::string_view key) const;
  /// Text that need not be UTF-8: under `key`, or base64 under `key` + "_base64".
  std::string raw(std::string_view key) const;
  /// Without any sensor when absent.
  memory::Reading reading(std::string_view key) const;

  /// The object under `key`; null when absent.
  const Json* find(std::string_view key) const;
  /// The array under `key`; null when absent.
  const Json* find_array(std::string_view key) const;
  std::string path_of(std::string_view key) const;
  [[noreturn]] void fail(std::string_view key, const std::string& what) const;

 private:
  const Json& require(std::string_view key) const;

  const Json& json_;
  std::string path_;
};

/// The inverse of `Fields::raw`; writes nothing for an empty text.
void put_raw(Json& json, const std::string& key, const std::string& value);
bool is_utf8(std::string_view text);

}  // namespace headroom::worker
