#pragma once

#include <cstdint>
#include <string>

namespace headroom {

/// "9,673": a whole number as people read it.
std::string grouped(std::uint64_t number);

}  // namespace headroom
