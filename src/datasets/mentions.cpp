#include "mentions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace headroom::datasets {

std::string Mentions::list() const {
  const std::string names = fmt::format("{}", fmt::join(kept_, ", "));
  return count_ > kKept ? fmt::format("{} and {} more", names, count_ - kKept) : names;
}

}  // namespace headroom::datasets
