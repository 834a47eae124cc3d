#pragma once

#include <string>
#include <vector>

#include "backends/model_source.h"
#include "commands.h"
#include "datasets/item.h"
#include "run/specification.h"

namespace headroom::cli {

/// The models that --model names (the embedded one without it), each resolved and told to the user.
/// Throws UsageError for an unknown word, and "E-MODEL-TWICE" for one that is named twice.
std::vector<run::ModelSpec> resolve_models(Context& context);

/// One model's word, resolved and told to the user.
run::ModelSpec resolve_one_model(Context& context, const std::string& word);

/// The data that a word means, now and (from its stored form) when a run goes on.
datasets::Dataset open_data(Context& context, const std::string& word);
run::DataSpec data_spec(const std::string& word, const datasets::Dataset& dataset);
datasets::Dataset reopen_data(Context& context, const run::DataSpec& spec);

/// Everything that the flags of `vqa` and `plan` say about what is asked and how.
run::Specification specification(Context& context,
                                 std::vector<run::ModelSpec> models,
                                 const std::string& word,
                                 const datasets::Dataset& dataset);

}  // namespace headroom::cli
