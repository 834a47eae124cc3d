#pragma once

#include <string_view>

namespace headroom::scoring {

/// The word with its apostrophe put back, or the word itself. Words are lower-case, as the
/// evaluator looks them up: its entries Im, Ive, Id've and I'dve can never match and are kept for
/// the record.
/// Source: GT-Vision-Lab/VQA, vqaEval.py, `contractions` (somebody'd -> somebodyd is theirs).
std::string_view with_apostrophe(std::string_view word);

}  // namespace headroom::scoring
