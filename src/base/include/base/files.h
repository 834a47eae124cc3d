#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace headroom {

/// The whole of a regular file. Throws InputError("E-FILE") naming the path and the system's words
/// when it is missing, a folder, unreadable, or larger than `max_bytes` (with both sizes).
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = 1ULL << 40U);

/// What a file that is not what it should be most likely is: "a Git LFS pointer", "an HTML page",
/// "empty", "text"; empty string when nothing is recognised. `head`: the first bytes of the file.
std::string describe_content(std::string_view head);

}  // namespace headroom
