#include "file_view.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"

namespace headroom::images {

FileView::FileView(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (file >= 0 && ::fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    const auto size = static_cast<std::size_t>(info.st_size);
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped != MAP_FAILED) {
      ::madvise(mapped, size, MADV_RANDOM);
      mapped_ = mapped;
      size_ = size;
    }
  }
  if (file >= 0) {
    ::close(file);
  }
  if (mapped_ == nullptr) {
    content_ = read_file(path);  // or says why not
  }
}

FileView::~FileView() {
  if (mapped_ != nullptr) {
    ::munmap(mapped_, size_);
  }
}

std::string_view FileView::bytes() const {
  return mapped_ == nullptr ? std::string_view(content_)
                            : std::string_view(static_cast<const char*>(mapped_), size_);
}

}  // namespace headroom::images
