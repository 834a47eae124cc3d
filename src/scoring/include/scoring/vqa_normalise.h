#pragma once

#include <string>
#include <string_view>

namespace headroom::scoring {

/// The official VQA evaluator's processing of one text, in its two steps. Input is UTF-8; bytes
/// that are not are kept as they are.
/// Source: GT-Vision-Lab/VQA, vqaEval.py, processPunctuation and processDigitArticle.

/// Each of ; / [ ] " { } ( ) = + \ _ - > < @ ` , ? ! becomes nothing if it stands next to a blank
/// anywhere in the text, or if the text has digit-comma-digit; else a blank. Then the first 32 full
/// stops that no digit follows go (32 is the value of the flag that the evaluator passes as a
/// count).
std::string process_punctuation(std::string_view text);

/// Lower case, split at white space; none, zero..ten become digits; a, an, the go; missing
/// apostrophes are put back (the evaluator's table); joined by single blanks.
std::string process_digit_article(std::string_view text);

/// Both, after newline and tab became blanks and both ends were stripped.
std::string vqa_normalise(std::string_view text);

}  // namespace headroom::scoring
