#pragma once

#include <filesystem>
#include <string>

namespace headroom {

/// The same from every working folder, without "." and "..". Nothing of it need exist.
std::string absolute_path(const std::filesystem::path& path);

/// The last name in it: "pictures" of "./pictures/", and the name of the folder that ".." is. Empty
/// of the root.
std::string last_name(const std::filesystem::path& path);

}  // namespace headroom
