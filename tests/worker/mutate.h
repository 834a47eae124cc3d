#pragma once

#include <random>
#include <string>

namespace headroom::testing {

/// A line with one to four of its bytes changed, removed, doubled or swapped for JSON's own, or cut
/// off. Holds no line end.
inline std::string mutated(std::string line, std::mt19937& random) {
  const auto below = [&random](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  static const std::string kJson = "{}[]\",:\\0-9eEnulltruefalse.\x00\xff\xc3";
  for (std::size_t change = 1 + below(4); change > 0 && !line.empty(); --change) {
    const std::size_t at = below(line.size());
    switch (below(5)) {
      case 0:
        line[at] = static_cast<char>(below(256));
        break;
      case 1:
        line.erase(at, 1 + below(8));
        break;
      case 2:
        line.insert(at, line.substr(below(line.size()), 1 + below(24)));
        break;
      case 3:
        line[at] = kJson[below(kJson.size())];
        break;
      default:
        if (below(4) == 0) {
          line.resize(at);
        }
    }
  }
  for (char& c : line) {
    c = c == '\n' ? ' ' : c;
  }
  return line;
}

}  // namespace headroom::testing
