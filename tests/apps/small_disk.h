#pragma once

#include <sys/mount.h>

#include <filesystem>

namespace headroom::test {

/// A file system in memory, mounted while the object lives. Needs root; see `mounted`.
class SmallDisk {
 public:
  /// `options`: "size=3m".
  SmallDisk(std::filesystem::path folder, const char* options) : folder_(std::move(folder)) {
    std::filesystem::create_directory(folder_);
    mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, options) == 0;
  }

  ~SmallDisk() {
    if (mounted_) {
      ::umount(folder_.c_str());
    }
  }

  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }

  const std::filesystem::path& folder() const { return folder_; }

  bool resize(const char* options) const {
    return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT, options) == 0;
  }

  bool make_read_only() const {
    return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  std::filesystem::path folder_;
  bool mounted_ = false;
};

}  // namespace headroom::test
