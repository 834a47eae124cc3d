#pragma once

#include <string>

#include "datasets/item.h"

namespace headroom::datasets {

/// The same questions, put in other words than the data set's own. In `prompt`, {question} stands
/// for the question and {options} for its options, "A. …" a line each (of a question without any:
/// nothing); without {options} they follow the question. <image> is a picture's place, as in
/// ask_about(); without it the pictures stand in front. An empty prompt changes nothing.
/// Throws UsageError("E-PROMPT") that begins with "--prompt": {question} is not in it.
Dataset with_prompt(Dataset dataset, const std::string& prompt);

}  // namespace headroom::datasets
