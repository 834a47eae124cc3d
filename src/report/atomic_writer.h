#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace headroom::report {

/// A file that is written piece by piece and appears whole or not at all: beside the target,
/// synced, then renamed over it. Without `finish` (an exception) the target stays what it was.
/// Throws ResourceError("E-DISK-FULL", "E-WRITE") naming the target and the system's words.
class AtomicWriter {
 public:
  explicit AtomicWriter(const std::filesystem::path& target);
  AtomicWriter(const AtomicWriter&) = delete;
  AtomicWriter& operator=(const AtomicWriter&) = delete;
  ~AtomicWriter();

  void write(std::string_view text);
  void finish();

 private:
  [[noreturn]] void fail(int error);

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  std::FILE* file_ = nullptr;
};

}  // namespace headroom::report
