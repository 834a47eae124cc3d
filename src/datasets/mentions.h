#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headroom::datasets {

/// Counts things found in rows and keeps the first few names, for one line about all of them.
class Mentions {
 public:
  void add(std::string what) {
    if (++count_ <= kKept) {
      kept_.push_back(std::move(what));
    }
  }

  std::uint64_t count() const { return count_; }

  /// "a, b, c and 7 more".
  std::string list() const;

 private:
  static constexpr std::uint64_t kKept = 5;

  std::uint64_t count_ = 0;
  std::vector<std::string> kept_;
};

}  // namespace headroom::datasets
