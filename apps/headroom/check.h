#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"

namespace headroom::cli {

/// One thing that is tried and measured.
class Check {
 public:
  explicit Check(std::string name) : name_(std::move(name)) {}

  // Figures, by names in snake_case without a unit. What was not read is left out.
  void bytes(std::string_view name, const std::optional<Bytes>& value);
  void number(std::string_view name, std::uint64_t value);
  void count(std::string_view name, std::uint64_t value, std::uint64_t of);
  void seconds(std::string_view name, double value);
  void words(std::string_view name, const std::string& value);

  /// A condition of passing; `reason` has the numbers compared.
  void require(bool holds, const std::string& reason);

  bool passed() const { return reasons_.empty(); }

  /// "ok      load             footprint_before 12.1 MiB, …", a failure's reasons on lines below.
  std::string text() const;
  /// {"name", "passed", "figures": {"footprint_before_bytes": 1}, "reasons": []}
  Json json() const;

 private:
  std::string name_;
  std::string figures_;
  Json values_ = Json::object();
  std::vector<std::string> reasons_;
};

/// Runs each check; an error within is a reason that it failed, except Cancelled.
class CheckList {
 public:
  /// `begun` gets a check's name before it runs.
  explicit CheckList(std::function<void(const std::string&)> begun) : begun_(std::move(begun)) {}

  void run(const std::string& name, const std::function<void(Check&)>& body);

  std::size_t passed() const;

  const std::vector<Check>& checks() const { return checks_; }

 private:
  std::function<void(const std::string&)> begun_;
  std::vector<Check> checks_;
};

}  // namespace headroom::cli
