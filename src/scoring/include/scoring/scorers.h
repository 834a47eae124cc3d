#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "scoring/score.h"

namespace headroom::scoring {

/// "exact" and "vqa-accuracy", in the order in which help shows them.
std::vector<std::string> scorer_names();

/// Throws UsageError("E-METRIC") for another name, listing scorer_names().
///
/// exact         Right iff the answer equals one of the references after: white space at both ends
///               off, one full stop at the end off ("Red." is "red", "..." stays), Unicode case
///               folding and composition (NFC). Value 1 or 0.
/// vqa-accuracy  The official VQA v2 evaluator to the digit, profile `official`: newline and tab to
///               blank, stripped; unless all references are the same text (then raw and
///               case-sensitive), prediction and references normalised once (vqa_normalise.h); mean
///               over the annotators of min(1, matches among the others / 3). A single reference
///               leaves no other annotator (the formula would be 0 for ever): then 1 iff equal
///               after normalisation.
///
/// Verdict: kCorrect iff value >= 0.5 (for VQA accuracy: at least two annotators said so), else
/// kWrong with its partial credit. Accuracies are means of values, not counts of verdicts.
std::unique_ptr<Scorer> make_scorer(std::string_view name);

}  // namespace headroom::scoring
