#include "models/config_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>
#include <optional>

#include "base/errors.h"

namespace headroom::models {
namespace {

std::string shown(const Json& value) {
  const std::string text = dump_json(value);
  return text.size() > 80 ? text.substr(0, 77) + "..." : text;
}

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

/// One beyond 64 bits counts as the largest of them; nothing where it is no whole number.
std::optional<std::int64_t> whole_number(const Json& value) {
  if (!value.is_number_integer()) {
    return std::nullopt;
  }
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{kLargest}) {
    return kLargest;
  }
  return value.get<std::int64_t>();
}

bool whole_number_from(const Json& value, std::int64_t least) {
  const auto number = whole_number(value);
  return number && *number >= least && *number <= std::numeric_limits<int>::max();
}

}  // namespace

ConfigTable::ConfigTable(const Json& table, std::string where)
    : table_(table), where_(std::move(where)) {}

const Json* ConfigTable::find(const char* key) {
  seen_.insert(key);
  const auto found = table_.find(key);
  return found == table_.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigTable::has(const char* key) const {
  const auto found = table_.find(key);
  return found != table_.end() && !found->is_null();
}

void ConfigTable::fail(const char* key, const std::string& reason) const {
  throw UsageError("E-CONFIG", fmt::format("{}: {} {}", where_, key, reason));
}

int ConfigTable::size(const char* key, int most) {
  if (!has(key)) {
    fail(key, "is missing");
  }
  return size_or(key, 0, most);
}

int ConfigTable::size_or(const char* key, int otherwise, int most) {
  const Json* value = find(key);
  if (value == nullptr) {
    return otherwise;
  }
  const auto number = whole_number(*value);
  if (!number || *number < 1) {
    fail(key, fmt::format("is {}; a whole number from 1 is wanted", shown(*value)));
  }
  if (*number > most) {
    fail(key, fmt::format("is {}; at most {} is supported", shown(*value), most));
  }
  return static_cast<int>(*number);
}

int ConfigTable::token_or(const char* key, int otherwise) {
  const Json* value = find(key);
  if (value == nullptr) {
    return otherwise;
  }
  if (!whole_number_from(*value, 0)) {
    fail(key, fmt::format("is {}; a token id is wanted", shown(*value)));
  }
  return value->get<int>();
}

int ConfigTable::whole_number_or(const char* key, int otherwise) {
  const Json* value = find(key);
  if (value == nullptr) {
    return otherwise;
  }
  if (!whole_number_from(*value, std::numeric_limits<int>::min())) {
    fail(key, fmt::format("is {}; a whole number is wanted", shown(*value)));
  }
  return value->get<int>();
}

float ConfigTable::number_or(const char* key, float otherwise) {
  const Json* value = find(key);
  if (value == nullptr) {
    return otherwise;
  }
  const double number = value->is_number() ? value->get<double>() : 0.0;
  if (!(number >= std::numeric_limits<float>::min()) ||
      number > std::numeric_limits<float>::max()) {
    fail(key, fmt::format("is {}; a number above 0 that float32 holds is wanted", shown(*value)));
  }
  return static_cast<float>(number);
}

bool ConfigTable::flag_or(const char* key, bool otherwise) {
  const Json* value = find(key);
  if (value == nullptr) {
    return otherwise;
  }
  if (!value->is_boolean()) {
    fail(key, fmt::format("is {}; true or false is wanted", shown(*value)));
  }
  return value->get<bool>();
}

std::string ConfigTable::text_or(const char* key, const std::string& otherwise) {
  const Json* value = find(key);
  if (value == nullptr) {
    return otherwise;
  }
  if (!value->is_string()) {
    fail(key, fmt::format("is {}; a text is wanted", shown(*value)));
  }
  return value->get<std::string>();
}

ConfigTable ConfigTable::table(const char* key) {
  const Json* value = find(key);
  if (value == nullptr || !value->is_object()) {
    fail(key, value == nullptr ? "is missing" : fmt::format("is {}, not a table", shown(*value)));
  }
  return {*value, fmt::format("{}: {}", where_, key)};
}

std::vector<std::string> ConfigTable::texts(const char* key) {
  const Json* value = find(key);
  if (value == nullptr) {
    return {};
  }
  std::vector<std::string> all;
  for (const Json& text : value->is_array() ? *value : Json::array({nullptr})) {
    if (!text.is_string()) {
      fail(key, fmt::format("is {}; a list of texts is wanted", shown(*value)));
    }
    all.push_back(text.get<std::string>());
  }
  return all;
}

void ConfigTable::only(const char* key, const Json& accepted) {
  const Json* value = find(key);
  if (value != nullptr && *value != accepted) {
    fail(key, fmt::format("is {}; only {} is supported", shown(*value), shown(accepted)));
  }
}

void ConfigTable::ignore(std::initializer_list<const char*> keys) {
  seen_.insert(keys.begin(), keys.end());
}

void ConfigTable::refuse(const char* key, const std::string& reason) {
  if (find(key) != nullptr) {
    fail(key, reason);
  }
}

void ConfigTable::check_token(const char* key, int token, int vocabulary) const {
  if (token >= vocabulary) {
    fail(key, fmt::format("is {}, outside of the vocabulary of {}", token, vocabulary));
  }
}

void ConfigTable::add_leftovers(std::vector<std::string>& notices) const {
  const auto unused = leftovers();
  notices.insert(notices.end(), unused.begin(), unused.end());
}

std::vector<std::string> ConfigTable::leftovers() const {
  std::vector<std::string> unknown;
  for (const auto& [key, value] : table_.items()) {
    if (!seen_.contains(key)) {
      unknown.push_back(key);
    }
  }
  if (unknown.empty()) {
    return {};
  }
  return {fmt::format("{}: not used: {}", where_, fmt::join(unknown, ", "))};
}

}  // namespace headroom::models
