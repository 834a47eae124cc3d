#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace headroom::datasets {

/// The pictures of a folder, by name; and what else was in it.
struct FolderPictures {
  std::vector<std::string> names;   ///< in natural order
  std::vector<std::string> others;  ///< files that are no pictures, hidden ones and side files not
                                    ///< among them
  std::size_t folders = 0;          ///< not looked into
};

/// Throws UsageError("E-DATA-FILE") when the folder cannot be read.
FolderPictures list_pictures(const std::filesystem::path& folder);

/// The files that a pattern matches, in natural order.
std::vector<std::filesystem::path> match_pattern(const std::string& pattern);

/// Whether a word has * ? or [.
bool is_pattern(std::string_view word);

/// The folder before a pattern's first wildcard, without its backslashes: "a/b" of "a/b/*.png", ""
/// of "*.png".
std::string fixed_part(std::string_view pattern);

/// The pattern from the root, whatever characters the working folder's name has.
std::string absolute_pattern(const std::string& pattern);

/// Whether the file's first bytes are those of a picture.
bool is_picture(const std::filesystem::path& file);

/// Whether the name ends as those of pictures do, also of formats that are not read.
bool is_picture_name(const std::filesystem::path& file);

}  // namespace headroom::datasets
