#pragma once

#include <string>

#include "datasets/item.h"

namespace headroom::datasets {

/// The same questions, put in other words than the data set's own. In `prompt`, {question} stands
/// for the question and {options} for its options, "A. …" a line each (of a question without any:
/// nothing); without {options} they follow the question. <image> is a picture's place, as in
/// ask_about(); without it the pictures stand in front. An empty prompt changes nothing.
/// Throws UsageError that begins with "--prompt": E-PROMPT when {question} is not in it,
/// E-PROMPT-IMAGES when its places fit no question of the data, which is read for that up to the
/// first one that they fit.
Dataset with_prompt(Dataset dataset, const std::string& prompt);

}  // namespace headroom::datasets
