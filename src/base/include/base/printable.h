#pragma once

#include <string>
#include <string_view>

namespace headroom {

/// A foreign text as one line that a terminal takes: control characters and what is not UTF-8
/// become '?'.
std::string printable(std::string_view text);

}  // namespace headroom
