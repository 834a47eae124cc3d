#include "unknown_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/grouped.h"
#include "base/spelling.h"

namespace headroom::datasets {

namespace {

constexpr std::size_t kMostKeys = 40;

std::string times(std::uint64_t count) { return count == 1 ? "once" : grouped(count) + " times"; }

}  // namespace

void UnknownKeys::add(const Json& object, const std::vector<std::string>& known) {
  if (!object.is_object()) {
    return;
  }
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) {
      continue;
    }
    const auto seen = seen_.find(key);
    if (seen != seen_.end()) {
      ++seen->second.count;
    } else if (seen_.size() < kMostKeys) {
      seen_.emplace(key, Seen{1, nearest(key, known)});
    } else {
      ++further_;
    }
  }
}

std::optional<std::string> UnknownKeys::notice() const {
  if (seen_.empty()) {
    return std::nullopt;
  }
  std::string text = "keys that are not read: ";
  std::string_view separator;
  for (const auto& [key, seen] : seen_) {
    text += fmt::format("{}'{}' {}", separator, key, times(seen.count));
    if (!seen.nearest.empty()) {
      text += fmt::format(" (did you mean '{}'?)", seen.nearest);
    }
    separator = ", ";
  }
  return further_ == 0 ? text : text + fmt::format(" and others {}", times(further_));
}

}  // namespace headroom::datasets
