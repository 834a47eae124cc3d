#include "picture_files.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <system_error>

#include "base/errors.h"
#include "base/folder_entries.h"
#include "datasets/picture_set.h"

namespace headroom::datasets {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kWildcards = "*?[";

char small(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), small);
  return text;
}

/// Takes the digits that `text` begins with, without leading zeros.
std::string_view take_number(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) {
    ++end;
  }
  std::string_view number = text.substr(0, end);
  text.remove_prefix(end);
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

/// Files that systems leave beside pictures. Hidden ones are known by their first character.
bool is_side_file(const std::string& name) {
  constexpr std::array<std::string_view, 3> kSideFiles = {
      "thumbs.db", "desktop.ini", "ehthumbs.db"};
  const std::string lowered = lower_case(name);
  return name.starts_with('.') ||
         std::find(kSideFiles.begin(), kSideFiles.end(), lowered) != kSideFiles.end();
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  std::string_view rest_a = a;
  std::string_view rest_b = b;
  while (!rest_a.empty() && !rest_b.empty()) {
    if (is_digit(rest_a.front()) && is_digit(rest_b.front())) {
      const std::string_view number_a = take_number(rest_a);
      const std::string_view number_b = take_number(rest_b);
      if (number_a.size() != number_b.size()) {
        return number_a.size() < number_b.size();
      }
      if (number_a != number_b) {
        return number_a < number_b;
      }
      continue;
    }
    const auto first_a = static_cast<unsigned char>(small(rest_a.front()));
    const auto first_b = static_cast<unsigned char>(small(rest_b.front()));
    if (first_a != first_b) {
      return first_a < first_b;
    }
    rest_a.remove_prefix(1);
    rest_b.remove_prefix(1);
  }
  if (rest_a.empty() != rest_b.empty()) {
    return rest_a.empty();
  }
  return a < b;
}

bool is_picture_name(const fs::path& file) {
  constexpr std::array<std::string_view, 17> kExtensions = {".jpg",
                                                            ".jpeg",
                                                            ".jpe",
                                                            ".jfif",
                                                            ".mpo",
                                                            ".png",
                                                            ".apng",
                                                            ".webp",
                                                            ".gif",
                                                            ".bmp",
                                                            ".dib",
                                                            ".tif",
                                                            ".tiff",
                                                            ".heic",
                                                            ".heif",
                                                            ".avif",
                                                            ".jxl"};
  const std::string extension = lower_case(file.extension().string());
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

bool is_picture(const fs::path& file) {
  std::array<char, 12> bytes{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const std::string_view head(bytes.data(), static_cast<std::size_t>(stream.gcount()));
  return head.starts_with("\xFF\xD8\xFF") || head.starts_with("\x89PNG\r\n\x1A\n") ||
         head.starts_with("GIF87a") || head.starts_with("GIF89a") ||
         (head.starts_with("BM") && head.size() == bytes.size() && head[6] == 0 && head[7] == 0) ||
         (head.starts_with("RIFF") && head.size() == bytes.size() && head.substr(8) == "WEBP");
}

FolderPictures list_pictures(const fs::path& folder) {
  std::error_code error;
  const std::vector<fs::directory_entry> entries = folder_entries(folder, error);
  if (error) {
    throw UsageError("E-DATA-FILE",
                     fmt::format("{}: cannot be read: {}", folder.string(), error.message()));
  }
  FolderPictures found;
  for (const fs::directory_entry& entry : entries) {
    std::string name = entry.path().filename().string();
    std::error_code ignored;
    if (is_side_file(name)) {
      continue;
    }
    if (entry.is_directory(ignored)) {
      ++found.folders;
    } else if (is_picture_name(entry.path()) || is_picture(entry.path())) {
      found.names.push_back(std::move(name));
    } else {
      found.others.push_back(std::move(name));
    }
  }
  std::sort(found.names.begin(), found.names.end(), natural_less);
  std::sort(found.others.begin(), found.others.end(), natural_less);
  return found;
}

bool is_pattern(std::string_view word) {
  return word.find_first_of(kWildcards) != std::string_view::npos;
}

std::string fixed_part(std::string_view pattern) {
  std::string plain;
  std::size_t folder = 0;  // length of `plain` up to its last slash
  for (std::size_t i = 0;
       i < pattern.size() && kWildcards.find(pattern[i]) == std::string_view::npos;
       ++i) {
    if (pattern[i] == '/') {
      folder = std::max<std::size_t>(plain.size(), 1);
    }
    i += pattern[i] == '\\' && i + 1 < pattern.size() ? 1 : 0;
    plain.push_back(pattern[i]);
  }
  return plain.substr(0, folder);
}

std::string absolute_pattern(const std::string& pattern) {
  if (pattern.starts_with('/')) {
    return pattern;
  }
  std::string escaped;
  for (const char c : fs::current_path().string()) {
    if (c == '\\' || kWildcards.find(c) != std::string_view::npos) {
      escaped.push_back('\\');
    }
    escaped.push_back(c);
  }
  return escaped + "/" + pattern;
}

std::vector<fs::path> match_pattern(const std::string& pattern) {
  glob_t matches{};
  const int status = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &matches);
  std::vector<fs::path> files;
  for (std::size_t i = 0; status == 0 && i < matches.gl_pathc; ++i) {
    fs::path file = matches.gl_pathv[i];
    std::error_code ignored;
    if (!fs::is_directory(file, ignored) && !is_side_file(file.filename().string())) {
      files.push_back(std::move(file));
    }
  }
  ::globfree(&matches);
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.native(), b.native());
  });
  return files;
}

}  // namespace headroom::datasets
