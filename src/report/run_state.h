#pragma once

#include <filesystem>
#include <string>

#include "run/records.h"

namespace headroom::report {

/// How a run stands, in a word. "running" only while somebody writes: a killed run says
/// "interrupted".
std::string state_text(const run::RunRecord& run, const std::filesystem::path& folder);

}  // namespace headroom::report
