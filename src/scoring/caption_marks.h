#pragma once

#include <string>
#include <string_view>

namespace headroom::scoring {

/// A text before it is cut into caption tokens: typographic marks as the plain ones, fractions and
/// currencies spelt out, signs beyond ASCII parted from words, and what nothing is known of
/// (pictograms, invisible characters) gone.
std::string plain_marks(std::string_view text);

}  // namespace headroom::scoring
