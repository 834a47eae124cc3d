#pragma once

#include <optional>
#include <vector>

#include "run/results.h"

namespace headroom::run {

/// The model with the highest accuracy against each other one, question by question; of the
/// questions with a reference those that have ended for both. What was not answered counts as 0.
/// Nothing below two models with an accuracy. Memory: 16 bytes a question and model.
std::optional<Best> compare_models(const JournalReader& journal,
                                   const scoring::Scorer& scorer,
                                   const std::vector<ModelResults>& models);

}  // namespace headroom::run
