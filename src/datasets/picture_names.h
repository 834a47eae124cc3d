#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace headroom::datasets {

/// Composed form (NFC) of a text; a text that is not UTF-8 comes back unchanged.
std::string composed(std::string_view text);

/// Turns the names that data write into paths. Names are bytes: blanks, %, + and every script stand
/// for themselves. A name that is not there as written, but whose other Unicode form (composed or
/// decomposed) is, means that file.
class PictureNames {
 public:
  /// `folder`: where relative names start.
  explicit PictureNames(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The path to open. A missing file's path is the name as written. Looks at the disk only for
  /// names beyond ASCII.
  std::filesystem::path resolve(const std::string& name);

  const std::filesystem::path& folder() const { return folder_; }

  /// How many names were found under their other form.
  std::uint64_t found_under_other_form() const { return other_form_; }

 private:
  using Listing = std::map<std::string, std::string>;  ///< composed name -> name on the disk

  const Listing& listing(const std::filesystem::path& folder);
  std::optional<std::filesystem::path> resolve_other_form(const std::filesystem::path& path);

  std::filesystem::path folder_;
  std::map<std::filesystem::path, Listing> listings_;  ///< only names beyond ASCII
  std::uint64_t other_form_ = 0;
};

}  // namespace headroom::datasets
