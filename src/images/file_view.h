#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace headroom::images {

/// A file's bytes for one look at its header: mapped, so that only the pages that are looked at
/// come into memory, and are gone with the view. Read whole where the system does not map it.
/// Requires: nobody cuts the file short meanwhile.
class FileView {
 public:
  /// Throws InputError("E-FILE") like read_file.
  explicit FileView(const std::filesystem::path& path);
  ~FileView();
  FileView(const FileView&) = delete;
  FileView& operator=(const FileView&) = delete;

  std::string_view bytes() const;

 private:
  void* mapped_ = nullptr;
  std::size_t size_ = 0;  ///< of what is mapped
  std::string content_;   ///< of what is not
};

}  // namespace headroom::images
