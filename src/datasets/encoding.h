#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headroom::datasets {

/// Length of the UTF-8 byte order mark that `head` begins with: 3 or 0. Throws
/// UsageError("E-DATA-ENCODING") naming `file` for UTF-16 and UTF-32, marked or not: they would
/// read as broken JSON.
std::size_t check_encoding(std::string_view head, const std::string& file);

}  // namespace headroom::datasets
