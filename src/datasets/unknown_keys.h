#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace headroom::datasets {

/// Counts the keys of a file's objects that nothing reads: a misspelt one would be lost without a
/// word. Memory: 40 keys at most.
class UnknownKeys {
 public:
  /// `known`: those that are read of such an object. Anything but an object has none.
  void add(const Json& object, const std::vector<std::string>& known);

  /// "keys that are not read: 'captoin' 12 times (did you mean 'caption'?), 'width' once". Nothing
  /// when there are none.
  std::optional<std::string> notice() const;

 private:
  struct Seen {
    std::uint64_t count = 0;
    std::string nearest;  ///< of the known ones; empty: none is near
  };

  std::map<std::string, Seen> seen_;
  std::uint64_t further_ = 0;  ///< of other keys, when there are too many
};

}  // namespace headroom::datasets
