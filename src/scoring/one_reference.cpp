#include <cstddef>
#include <map>

#include "scoring/score.h"

namespace headroom::scoring {

std::string one_reference(const Truth& truth) {
  if (!truth.chosen.empty()) {
    return truth.chosen;
  }
  std::map<std::string, std::size_t> counts;
  for (const std::string& reference : truth.references) {
    ++counts[reference];
  }
  std::string commonest;
  std::size_t most = 0;
  for (const std::string& reference : truth.references) {
    if (counts[reference] > most) {
      most = counts[reference];
      commonest = reference;
    }
  }
  return commonest;
}

}  // namespace headroom::scoring
