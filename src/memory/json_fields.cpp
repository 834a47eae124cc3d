#include "json_fields.h"

#include <fmt/format.h>

#include <limits>

#include "base/errors.h"

namespace headroom::memory {

namespace {

[[noreturn]] void refuse(const char* what, const std::string& problem) {
  throw InputError("E-CONTRACT", fmt::format("{}: {}", what, problem));
}

}  // namespace

JsonFields::JsonFields(const Json& object, const char* what) : object_(object), what_(what) {
  if (!object.is_object()) {
    refuse(what, fmt::format("expected an object, got {}", object.type_name()));
  }
}

const Json& JsonFields::member(const char* key) const {
  const auto found = object_.find(key);
  if (found == object_.end() || found->is_null()) {
    refuse(what_, fmt::format("'{}' is missing", key));
  }
  return *found;
}

std::uint64_t JsonFields::whole(const char* key) const {
  const Json& value = member(key);
  if (!value.is_number_unsigned()) {
    refuse(what_,
           fmt::format("'{}' must be a whole number that is not negative, got {}",
                       key,
                       dump_json(value).substr(0, 60)));
  }
  return value.get<std::uint64_t>();
}

std::uint32_t JsonFields::whole32(const char* key) const {
  const std::uint64_t value = whole(key);
  if (value > std::numeric_limits<std::uint32_t>::max()) {
    refuse(what_, fmt::format("'{}' is {}, more than 4294967295", key, value));
  }
  return static_cast<std::uint32_t>(value);
}

bool JsonFields::flag_or(const char* key, bool absent) const {
  if (!has(key)) {
    return absent;
  }
  const Json& value = member(key);
  if (!value.is_boolean()) {
    refuse(what_, fmt::format("'{}' must be true or false, got {}", key, value.type_name()));
  }
  return value.get<bool>();
}

std::string JsonFields::text(const char* key) const {
  const Json& value = member(key);
  if (!value.is_string()) {
    refuse(what_, fmt::format("'{}' must be a text, got {}", key, value.type_name()));
  }
  return value.get<std::string>();
}

const Json& JsonFields::array(const char* key) const {
  const Json& value = member(key);
  if (!value.is_array()) {
    refuse(what_, fmt::format("'{}' must be a list, got {}", key, value.type_name()));
  }
  return value;
}

}  // namespace headroom::memory
