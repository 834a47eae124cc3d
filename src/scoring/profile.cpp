#include "scoring/profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/errors.h"
#include "base/spelling.h"

namespace headroom::scoring {

namespace {

/// A profile scores data of that metric by `main`, beside which `second` is shown. A row is all
/// that another profile or metric takes.
struct Row {
  std::string_view profile;
  std::string_view data;  ///< the data's own metric; empty: any
  std::string_view main;
  std::string_view second;
};

constexpr std::array kRows{
    Row{"official", "vqa-accuracy", "vqa-accuracy", "vqa-simple"},
    Row{"legacy", "", "legacy-vqa", "legacy-simple"},
};

}  // namespace

std::vector<std::string> profile_names() {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    if (std::find(names.begin(), names.end(), row.profile) == names.end()) {
      names.emplace_back(row.profile);
    }
  }
  return names;
}

std::vector<std::string> metrics_of(std::string_view profile, std::string_view metric) {
  const std::vector<std::string> names = profile_names();
  if (std::find(names.begin(), names.end(), profile) == names.end()) {
    throw UsageError("E-PROFILE",
                     fmt::format("profile '{}' is unknown{}; there are: {}",
                                 profile,
                                 did_you_mean(std::string(profile), names),
                                 fmt::join(names, ", ")));
  }
  for (const Row& row : kRows) {
    if (row.profile == profile && (row.data.empty() || row.data == metric)) {
      return {std::string(row.main), std::string(row.second)};
    }
  }
  return {std::string(metric)};
}

std::string profile_of(std::string_view metric) {
  for (const Row& row : kRows) {
    if (row.main == metric || row.second == metric) {
      return std::string(row.profile);
    }
  }
  return "official";
}

std::string second_metric(std::string_view metric) {
  for (const Row& row : kRows) {
    if (row.main == metric) {
      return std::string(row.second);
    }
  }
  return {};
}

}  // namespace headroom::scoring
