#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// Whose rules a score follows: "official" is each benchmark's own scorer, "legacy" the tool that
/// this one replaces. In the order in which help shows them.
std::vector<std::string> profile_names();

/// The metrics of a profile for data whose own metric is `metric`: the main one, and for VQA data a
/// second, simpler one. Throws UsageError("E-PROFILE") for an unknown profile, listing them.
std::vector<std::string> metrics_of(std::string_view profile, std::string_view metric);

/// The profile whose main or second metric this is; metrics of the data's own are "official".
std::string profile_of(std::string_view metric);

/// What is shown beside this main metric; empty: nothing.
std::string second_metric(std::string_view metric);

}  // namespace headroom::scoring
