#pragma once

#include <string_view>

namespace headroom::scoring {

/// Whether this lower-cased word keeps the full stop behind it, as "mr." and "u.s." do. `capital`:
/// it was written with one. `before_figure`: a figure follows.
/// Source: what the tokenizer of Stanford CoreNLP 3.4.1 does with every word of two to five
/// letters.
bool is_abbreviation(std::string_view word, bool capital, bool before_figure);

/// Whether this lower-cased word, written with a capital, ends the sentence before it, so that a
/// single letter there loses its stop: "vitamin C. It".
bool begins_sentence(std::string_view word);

}  // namespace headroom::scoring
