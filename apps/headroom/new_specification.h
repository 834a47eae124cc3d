#pragma once

#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "data_inputs.h"
#include "run/specification.h"

/// What the flags say about how a run asks.
namespace headroom::cli {

/// --memory as it was written. Throws UsageError when it is neither a size nor a share, naming the
/// place that it came from.
std::string read_memory(const Settings& settings);

/// --fail-under in percent; empty when it was not given. Throws UsageError above 100.
std::optional<double> read_fail_under(const Settings& settings);

/// Everything that the flags of a test and of `plan` say about what is asked and how.
run::Specification specification(Context& context,
                                 std::vector<run::ModelSpec> models,
                                 const OpenedData& data);

}  // namespace headroom::cli
