#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// The words that captions are compared by, as the COCO caption evaluation takes them: Penn
/// Treebank tokens of the lower-cased text ("don't" is do n't, "man's" is man 's), punctuation
/// dropped. Brackets stay, as -lrb- and -rrb-: the evaluation drops them by names that its own
/// lower-casing has changed. A full stop stays with abbreviations ("u.s.", "mr.").
/// Differs from the evaluation's tokenizer in what captions seldom hold: smileys, formulas, other
/// currencies than $, sentences without a blank between, "5:30pm" (there two tokens), and scripts
/// without blanks.
/// Source: pycocoevalcap 1.2, tokenizer/ptbtokenizer.py with Stanford CoreNLP 3.4.1.
std::vector<std::string> caption_tokens(std::string_view text);

}  // namespace headroom::scoring
