#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "scoring/score.h"

namespace headroom::scoring {

/// "exact", "vqa-accuracy", "vqa-simple", "legacy-vqa", "legacy-simple", "fact-recall" and
/// "turn-facts", in the order in which help shows them.
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
/// vqa-simple    Right iff the answer equals one_reference() after the evaluator's normalisation.
/// legacy-vqa    The replaced tool's "VQA accuracy" (legacy.h); correct iff legacy-simple is.
/// legacy-simple Its "simple accuracy": substrings.
/// fact-recall   Of the truth's facts, the part that the answer tells (description.h).
/// turn-facts    The share of the references that the answer tells by the same rule (fact_words.h),
///               each once. Of the question type "people": 1 iff the answer says yes or no as the
///               reference does, unparsed when it says neither; of "sentence": the best token F1
///               with a reference. A truth with facts is scored as by fact-recall.
///
/// Verdict, but for the legacy ones: kCorrect iff value >= 0.5 (for VQA accuracy: at least two
/// annotators said so; for facts: iff every fact is told), else kWrong with its partial credit.
/// Accuracies are means of values, not counts of verdicts.
std::unique_ptr<Scorer> make_scorer(std::string_view name);

}  // namespace headroom::scoring
