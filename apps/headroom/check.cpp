#include "check.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"

namespace headroom::cli {

void Check::words(std::string_view name, const std::string& value) {
  figures_ += fmt::format("{}{} {}", figures_.empty() ? "" : ", ", name, value);
  values_[std::string(name)] = value;
}

void Check::bytes(std::string_view name, const std::optional<Bytes>& value) {
  if (value) {
    figures_ += fmt::format("{}{} {}", figures_.empty() ? "" : ", ", name, to_string(*value));
    values_[fmt::format("{}_bytes", name)] = value->count();
  }
}

void Check::number(std::string_view name, std::uint64_t value) {
  figures_ += fmt::format("{}{} {}", figures_.empty() ? "" : ", ", name, value);
  values_[std::string(name)] = value;
}

void Check::count(std::string_view name, std::uint64_t value, std::uint64_t of) {
  figures_ += fmt::format("{}{} {} of {}", figures_.empty() ? "" : ", ", name, value, of);
  values_[std::string(name)] = value;
  values_[fmt::format("{}_of", name)] = of;
}

void Check::seconds(std::string_view name, double value) {
  figures_ += fmt::format("{}{} {:.2f} s", figures_.empty() ? "" : ", ", name, value);
  values_[fmt::format("{}_seconds", name)] = value;
}

void Check::require(bool holds, const std::string& reason) {
  if (!holds) {
    reasons_.push_back(reason);
  }
}

std::string Check::text() const {
  std::string text = fmt::format("{:<7} {:<17} {}\n", passed() ? "ok" : "FAILED", name_, figures_);
  for (const std::string& reason : reasons_) {
    text += fmt::format("{:25} {}\n", "", reason);
  }
  return text;
}

Json Check::json() const {
  return {{"name", name_}, {"passed", passed()}, {"figures", values_}, {"reasons", reasons_}};
}

void CheckList::run(const std::string& name, const std::function<void(Check&)>& body) {
  begun_(name);
  Check check(name);
  try {
    body(check);
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    check.require(false, fmt::format("{}: {}", error.code(), error.what()));
  }
  checks_.push_back(std::move(check));
}

std::size_t CheckList::passed() const {
  return static_cast<std::size_t>(std::count_if(
      checks_.begin(), checks_.end(), [](const Check& check) { return check.passed(); }));
}

}  // namespace headroom::cli
