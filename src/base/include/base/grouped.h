#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headroom {

/// "9,673": a whole number as people read it.
std::string grouped(std::uint64_t number);

/// "1 question", "9,673 questions".
std::string counted(std::uint64_t number, std::string_view noun);

}  // namespace headroom
