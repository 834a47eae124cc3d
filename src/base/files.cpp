#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "base/errors.h"

namespace headroom {

namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}

  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    throw InputError("E-FILE",
                     fmt::format("{}: cannot open: {}", path.string(), std::strerror(errno)));
  }
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) {
    throw InputError("E-FILE",
                     fmt::format("{}: cannot read: {}", path.string(), std::strerror(errno)));
  }
  if (!S_ISREG(info.st_mode)) {
    throw InputError("E-FILE",
                     fmt::format("{}: {}, not a regular file",
                                 path.string(),
                                 S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe"));
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > max_bytes) {
    throw InputError(
        "E-FILE",
        fmt::format(
            "{}: {} bytes, larger than the limit of {} bytes", path.string(), size, max_bytes));
  }
  std::string content(size, '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw InputError("E-FILE",
                       fmt::format("{}: cannot read: {}", path.string(), std::strerror(errno)));
    }
    if (got == 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

std::string describe_content(std::string_view head) {
  if (head.empty()) {
    return "empty";
  }
  if (head.starts_with("version https://git-lfs")) {
    return "a Git LFS pointer";
  }
  std::string start(head.substr(0, std::min<std::size_t>(head.size(), 512)));
  std::transform(start.begin(), start.end(), start.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  if (start.find("<!doctype html") != std::string::npos ||
      start.find("<html") != std::string::npos) {
    return "an HTML page";
  }
  if (start.starts_with("<?xml")) {
    return "an XML text";
  }
  const bool text = std::all_of(start.begin(), start.end(), [](unsigned char c) {
    return c >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
  if (text) {
    return start.front() == '{' || start.front() == '[' ? "a JSON text" : "text";
  }
  return "";
}

}  // namespace headroom
