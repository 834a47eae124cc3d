#pragma once

#include <filesystem>
#include <system_error>
#include <vector>

namespace headroom {

/// What a folder holds, without "." and "..", in no order. An error, also one half-way, goes into
/// `error` and leaves what was found: a range-for over a directory_iterator throws the library's
/// own exception there, whatever its constructor was given.
std::vector<std::filesystem::directory_entry> folder_entries(const std::filesystem::path& folder,
                                                             std::error_code& error);

}  // namespace headroom
