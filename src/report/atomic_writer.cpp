#include "atomic_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"

namespace headroom::report {

AtomicWriter::AtomicWriter(const std::filesystem::path& target)
    : target_(target), temporary_(target.string() + fmt::format(".{}.tmp", ::getpid())) {
  file_ = std::fopen(temporary_.c_str(), "wbe");
  if (file_ == nullptr) {
    fail(errno);
  }
}

AtomicWriter::~AtomicWriter() {
  if (file_ != nullptr) {
    std::fclose(file_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicWriter::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) {
    fail(errno);
  }
}

void AtomicWriter::finish() {
  if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) {
    fail(errno);
  }
  std::FILE* const file = file_;
  file_ = nullptr;
  if (std::fclose(file) != 0 || ::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    fail(error);
  }
}

void AtomicWriter::fail(int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  throw ResourceError(full ? "E-DISK-FULL" : "E-WRITE",
                      fmt::format("{}: cannot write: {}; the answers are safe in run.db: free some "
                                  "space, then `headroom resume {}` writes this file again",
                                  target_.string(),
                                  std::strerror(error),
                                  target_.parent_path().string()));
}

}  // namespace headroom::report
