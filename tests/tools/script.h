#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace headroom::testing {

/// One thing that the scripted worker does wrong, and when. In JSON:
/// {"at": "before", "item": "q3", "life": 2, "skip": 1, "times": 3, "do": "signal", "signal": 9}
struct Rule {
  std::size_t number = 0;
  std::string at;           ///< a method's name, or "before" and "after" an item's answer
  std::string item;         ///< of before and after; empty: any
  std::int64_t life = 0;    ///< only in this life of the worker, counted from 1; 0: any
  std::int64_t skip = 0;    ///< matches that pass first
  std::int64_t times = -1;  ///< matches that count then; -1: all
  Json action;              ///< the rule itself: "do" and what it needs
};

/// A script and the memory of it over the worker's lives, kept in a folder, or in the process when
/// there is none. Thread: any.
class Script {
 public:
  /// `json`: an array of rules.
  Script(const Json& json, std::filesystem::path state);

  /// The rules that apply now, each counted.
  std::vector<const Rule*> at(std::string_view moment, std::string_view item = "");

  /// Which life of the worker this is, from 1.
  std::int64_t life() const { return life_; }

  /// Appends a line to the state's journal, for tests to read.
  void note(const std::string& line) const;

 private:
  /// Counts one more under this name; gives the count before.
  std::int64_t count(const std::string& name);

  std::filesystem::path state_;
  std::mutex mutex_;
  std::map<std::string, std::int64_t> counts_;
  std::vector<Rule> rules_;
  std::int64_t life_ = 1;
};

}  // namespace headroom::testing
