#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom {

/// The other candidate that is closest in spelling, or an empty string when none is within a third
/// of the word's length, a file's extension that both have left out.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean 'X'?" or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace headroom
