#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace headroom::datasets {

/// Reads a file in pieces of 64 KiB, skipping a UTF-8 byte order mark. Throws
/// UsageError("E-DATA-…") for a file that is missing, no regular file, unreadable or in UTF-16.
class ByteSource {
 public:
  explicit ByteSource(const std::filesystem::path& path);

  /// What has been read and not consumed; empty only at the end of the file. Valid until the next
  /// call.
  std::string_view available();

  void consume(std::size_t count) { start_ += count; }

  /// Where in the file the first byte of available() stands.
  std::uint64_t offset() const { return base_ + start_; }

  const std::string& file() const { return file_; }

 private:
  bool refill();

  std::string file_;
  std::ifstream stream_;
  std::string buffer_;
  std::size_t start_ = 0;
  std::uint64_t base_ = 0;  ///< offset of buffer_[0]
};

}  // namespace headroom::datasets
