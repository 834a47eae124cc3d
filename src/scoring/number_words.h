#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace headroom::scoring {

/// "zero" to "twenty" in English, lower case, as a number of at most `most`.
std::optional<std::size_t> number_of_word(std::string_view word, std::size_t most = 20);

}  // namespace headroom::scoring
