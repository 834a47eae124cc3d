#include "base/json_fields.h"

#include <fmt/format.h>

#include <limits>

#include "base/base64.h"
#include "base/errors.h"
#include "base/iso_time.h"

namespace headroom {

namespace {

/// An integer within [low, high], or nothing. Doubles are not integers, not even 3.0.
template <typename T>
std::optional<T> integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto n = value.get<std::uint64_t>();
    if (n <= static_cast<std::uint64_t>(std::numeric_limits<T>::max())) {
      return static_cast<T>(n);
    }
    return std::nullopt;
  }
  if (value.is_number_integer()) {
    const auto n = value.get<std::int64_t>();
    if constexpr (std::numeric_limits<T>::is_signed) {
      if (n >= std::numeric_limits<T>::min() && n <= std::numeric_limits<T>::max()) {
        return static_cast<T>(n);
      }
    } else if (n >= 0 && static_cast<std::uint64_t>(n) <= std::numeric_limits<T>::max()) {
      return static_cast<T>(n);
    }
  }
  return std::nullopt;
}

std::string found(const Json& value) {
  if (value.is_number()) {
    return value.dump();
  }
  return value.type_name();
}

}  // namespace

JsonFields::JsonFields(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
  if (!json_.is_object()) {
    throw InputError("E-CONTRACT",
                     fmt::format("{}: expected an object, got {}", path_, found(json_)));
  }
}

std::string JsonFields::path_of(std::string_view key) const {
  return fmt::format("{}.{}", path_, key);
}

void JsonFields::fail(std::string_view key, const std::string& what) const {
  throw InputError("E-CONTRACT", fmt::format("{}: {}", path_of(key), what));
}

const Json* JsonFields::find(std::string_view key) const {
  const auto it = json_.find(key);
  return it == json_.end() || it->is_null() ? nullptr : &*it;
}

const Json& JsonFields::require(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) {
    fail(key, "missing");
  }
  return *value;
}

const Json* JsonFields::find_array(std::string_view key) const {
  const Json* value = find(key);
  if (value != nullptr && !value->is_array()) {
    fail(key, fmt::format("expected an array, got {}", found(*value)));
  }
  return value;
}

const Json& JsonFields::array(std::string_view key) const {
  require(key);
  return *find_array(key);
}

std::string JsonFields::text(std::string_view key) const {
  const Json& value = require(key);
  if (!value.is_string()) {
    fail(key, fmt::format("expected a text, got {}", found(value)));
  }
  return value.get<std::string>();
}

std::string JsonFields::text(std::string_view key, std::string_view absent) const {
  return find(key) == nullptr ? std::string(absent) : text(key);
}

bool JsonFields::flag(std::string_view key, bool absent) const {
  const Json* value = find(key);
  if (value == nullptr) {
    return absent;
  }
  if (!value->is_boolean()) {
    fail(key, fmt::format("expected true or false, got {}", found(*value)));
  }
  return value->get<bool>();
}

std::int64_t JsonFields::signed64(std::string_view key, std::int64_t absent) const {
  const Json* value = find(key);
  if (value == nullptr) {
    return absent;
  }
  const auto n = integer<std::int64_t>(*value);
  if (!n) {
    fail(key, fmt::format("expected a signed 64-bit integer, got {}", found(*value)));
  }
  return *n;
}

std::uint64_t JsonFields::unsigned64(std::string_view key) const {
  const Json& value = require(key);
  const auto n = integer<std::uint64_t>(value);
  if (!n) {
    fail(key, fmt::format("expected an unsigned 64-bit integer, got {}", found(value)));
  }
  return *n;
}

std::uint64_t JsonFields::unsigned64(std::string_view key, std::uint64_t absent) const {
  return find(key) == nullptr ? absent : unsigned64(key);
}

std::uint32_t JsonFields::unsigned32(std::string_view key) const {
  const Json& value = require(key);
  const auto n = integer<std::uint32_t>(value);
  if (!n) {
    fail(key, fmt::format("expected an unsigned 32-bit integer, got {}", found(value)));
  }
  return *n;
}

std::uint32_t JsonFields::unsigned32(std::string_view key, std::uint32_t absent) const {
  return find(key) == nullptr ? absent : unsigned32(key);
}

std::int32_t JsonFields::signed32(std::string_view key) const {
  const Json& value = require(key);
  const auto n = integer<std::int32_t>(value);
  if (!n) {
    fail(key, fmt::format("expected a signed 32-bit integer, got {}", found(value)));
  }
  return *n;
}

double JsonFields::number(std::string_view key, double absent) const {
  const Json* value = find(key);
  if (value == nullptr) {
    return absent;
  }
  if (!value->is_number()) {
    fail(key, fmt::format("expected a number, got {}", found(*value)));
  }
  return value->get<double>();
}

std::optional<Bytes> JsonFields::bytes(std::string_view key) const {
  if (find(key) == nullptr) {
    return std::nullopt;
  }
  return Bytes(unsigned64(key, 0));
}

std::optional<WallTime> JsonFields::moment(std::string_view key) const {
  if (find(key) == nullptr) {
    return std::nullopt;
  }
  const std::string value = text(key);
  const std::optional<WallTime> time = time_from_iso(value);
  if (!time) {
    fail(key, fmt::format("must read like 2026-01-02T03:04:05Z, got '{}'", value));
  }
  return time;
}

std::vector<std::string> JsonFields::texts(std::string_view key) const {
  std::vector<std::string> result;
  if (const Json* array = find_array(key)) {
    for (const Json& value : *array) {
      if (!value.is_string()) {
        fail(key, fmt::format("[{}]: expected a text, got {}", result.size(), found(value)));
      }
      result.push_back(value.get<std::string>());
    }
  }
  return result;
}

std::vector<std::int32_t> JsonFields::signed32s(std::string_view key) const {
  std::vector<std::int32_t> result;
  if (const Json* array = find_array(key)) {
    for (const Json& value : *array) {
      const auto n = integer<std::int32_t>(value);
      if (!n) {
        fail(key,
             fmt::format(
                 "[{}]: expected a signed 32-bit integer, got {}", result.size(), found(value)));
      }
      result.push_back(*n);
    }
  }
  return result;
}

std::string JsonFields::raw(std::string_view key) const {
  const std::string encoded = fmt::format("{}_base64", key);
  if (find(encoded) == nullptr) {
    return text(key, "");
  }
  return decode_base64(text(encoded), path_of(encoded), "E-CONTRACT");
}

void put_raw(Json& json, const std::string& key, const std::string& value) {
  if (value.empty()) {
    return;
  }
  if (is_utf8(value)) {
    json[key] = value;
  } else {
    json[key + "_base64"] = encode_base64(value);
  }
}

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80                    ? 1
                               : lead >= 0xC2 && lead <= 0xDF ? 2
                               : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || i + length > text.size()) {
      return false;
    }
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0U) != 0x80U) {
        return false;
      }
    }
    if (length > 1) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      // Overlong forms, surrogates, and what lies beyond U+10FFFF.
      if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
          (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
        return false;
      }
    }
    i += length;
  }
  return true;
}

}  // namespace headroom
