#include "base/outcome.h"

#include <array>
#include <utility>

namespace headroom {

namespace {

constexpr std::array<std::pair<Outcome, std::string_view>, 7> kNames = {{
    {Outcome::kAnswered, "answered"},
    {Outcome::kImage, "image"},
    {Outcome::kMemory, "memory"},
    {Outcome::kTimeout, "timeout"},
    {Outcome::kServer, "server"},
    {Outcome::kModel, "model"},
    {Outcome::kSkipped, "skipped"},
}};

}  // namespace

std::string_view to_string(Outcome outcome) {
  for (const auto& [value, name] : kNames) {
    if (value == outcome) {
      return name;
    }
  }
  return "unknown";
}

std::optional<Outcome> outcome_from_string(std::string_view text) {
  for (const auto& [value, name] : kNames) {
    if (name == text) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace headroom
