#include "settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/errors.h"
#include "base/spelling.h"

namespace headroom::cli {

namespace {

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// A percent sign is allowed after a number ("--fail-under 60%"): such flags are in percent anyway.
std::optional<double> parse_real(std::string_view text) {
  if (text.ends_with('%')) {
    text.remove_suffix(1);
  }
  const auto value = parse_number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::vector<std::string> choices(const Flag& flag) {
  std::vector<std::string> all;
  std::string_view rest = flag.value;
  while (!rest.empty()) {
    const std::size_t bar = std::min(rest.find('|'), rest.size());
    all.emplace_back(rest.substr(0, bar));
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return all;
}

void check_value(const Flag& flag, const std::string& value, const std::string& origin) {
  switch (flag.type) {
    case FlagType::kInteger: {
      const auto number = parse_number<std::int64_t>(value);
      if (!number || *number < 0) {
        throw UsageError("E-USAGE-VALUE",
                         fmt::format("{}: '{}' is not a whole number from 0 up", origin, value));
      }
      return;
    }
    case FlagType::kNumber: {
      const auto number = parse_real(value);
      if (!number || *number < 0) {
        throw UsageError("E-USAGE-VALUE",
                         fmt::format("{}: '{}' is not a number from 0 up", origin, value));
      }
      return;
    }
    case FlagType::kChoice: {
      const auto all = choices(flag);
      if (std::find(all.begin(), all.end(), value) == all.end()) {
        throw UsageError("E-USAGE-VALUE",
                         fmt::format("{}: '{}' is none of {}{}",
                                     origin,
                                     value,
                                     fmt::join(all, ", "),
                                     did_you_mean(value, all)));
      }
      return;
    }
    case FlagType::kText:
    case FlagType::kTexts:
      if (value.empty()) {
        throw UsageError("E-USAGE-VALUE",
                         fmt::format("{}: empty; give {}", origin, std::string(flag.value)));
      }
      return;
    case FlagType::kSwitch:
    case FlagType::kCounted:
      return;
  }
}

}  // namespace

const Settings::Value* Settings::find(std::string_view name) const {
  if (flag(name, command_->bit) == nullptr) {
    throw InternalError(
        fmt::format("settings: '{}' is no flag of '{}'", std::string(name), command_->name));
  }
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

bool Settings::given(std::string_view name) const { return find(name) != nullptr; }

std::string Settings::text(std::string_view name) const {
  const Value* const value = find(name);
  return value != nullptr ? value->texts.back() : std::string(flag(name, command_->bit)->preset);
}

std::vector<std::string> Settings::texts(std::string_view name) const {
  const Value* const value = find(name);
  return value != nullptr ? value->texts : std::vector<std::string>{};
}

int Settings::count(std::string_view name) const {
  const Value* const value = find(name);
  return value != nullptr ? parse_number<int>(value->texts.back()).value_or(0) : 0;
}

std::int64_t Settings::integer(std::string_view name) const {
  return parse_number<std::int64_t>(text(name)).value_or(0);
}

double Settings::number(std::string_view name) const { return parse_real(text(name)).value_or(0); }

std::string Settings::origin(std::string_view name) const {
  const Value* const value = find(name);
  return value != nullptr ? value->origin : fmt::format("--{}", name);
}

void Settings::blame_origin(std::string_view name, const std::function<void()>& check) const {
  try {
    check();
  } catch (const UsageError& error) {
    const std::string place = origin(name);
    if (place.starts_with("--")) {
      throw;
    }
    const std::string option = fmt::format("--{}", name);
    const std::string text = error.what();
    throw UsageError(error.code(),
                     text.starts_with(option) ? place + text.substr(option.size())
                                              : fmt::format("{}: {}", place, text));
  }
}

void Settings::offer(const Flag& flag, std::vector<std::string> values, std::string origin) {
  if (values.empty() || values_.contains(flag.name)) {
    return;
  }
  for (const std::string& value : values) {
    check_value(flag, value, origin);
  }
  values_.emplace(std::string(flag.name), Value{std::move(values), std::move(origin)});
}

}  // namespace headroom::cli
