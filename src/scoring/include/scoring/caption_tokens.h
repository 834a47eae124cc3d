#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// The words that captions are compared by, as the COCO caption evaluation takes them: Penn
/// Treebank tokens of the lower-cased text ("don't" is do n't, "man's" is man 's), punctuation
/// dropped. Brackets stay, as -lrb- and -rrb-: the evaluation drops them by names that its own
/// lower-casing has changed. A full stop stays with abbreviations ("u.s.", "mr."). Runs of * # _ @
/// are one token ("**bold**" is ** bold **); tags, names and addresses stay whole ("#tag", "@name",
/// "a@b.com").
/// A single letter's stop at the text's end goes, as it does there where the next caption begins
/// with "A" or "The".
/// Differs from the evaluation's tokenizer in what captions seldom hold: smileys, markup, addresses
/// of pages, "5p.m." (there two tokens), rare contractions ("rock'n'roll" in one word).
/// Source: pycocoevalcap 1.2, tokenizer/ptbtokenizer.py with Stanford CoreNLP 3.4.1, whose answers
/// to probes this follows.
std::vector<std::string> caption_tokens(std::string_view text);

}  // namespace headroom::scoring
