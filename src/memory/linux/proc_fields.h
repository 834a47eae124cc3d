#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace headroom::memory {

/// A small file of /proc or /sys; empty when it cannot be read. Never throws.
std::optional<std::string> read_small_file(const std::filesystem::path& path);

/// Of lines such as "VmRSS:      1596 kB": the size behind `key` (without its colon).
std::optional<Bytes> kilobytes_of(std::string_view text, std::string_view key);

/// Of lines such as "total_inactive_file 392699904": the number behind `key`.
std::optional<std::uint64_t> number_of(std::string_view text, std::string_view key);

/// A whole number alone in its text, white space around it; empty for anything else ("max").
std::optional<std::uint64_t> whole_number(std::string_view text);

}  // namespace headroom::memory
