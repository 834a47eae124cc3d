#include "byte_source.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/errors.h"
#include "encoding.h"

namespace headroom::datasets {

namespace {

constexpr std::size_t kPiece = 64 * 1024;

void require_regular(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_regular_file(status)) {
    return;
  }
  if (!std::filesystem::exists(status)) {
    throw UsageError("E-DATA-FILE",
                     fmt::format("{}: cannot open: {}",
                                 path.string(),
                                 error ? error.message() : "No such file or directory"));
  }
  throw UsageError(
      "E-DATA-FILE",
      fmt::format("{}: {}, expected a file",
                  path.string(),
                  std::filesystem::is_directory(status) ? "a folder" : "a device or pipe"));
}

}  // namespace

ByteSource::ByteSource(const std::filesystem::path& path) : file_(path.string()) {
  require_regular(path);
  stream_.open(path, std::ios::binary);
  if (!stream_) {
    throw UsageError("E-DATA-FILE",
                     fmt::format("{}: cannot open: {}", file_, std::strerror(errno)));
  }
  if (refill()) {
    start_ = check_encoding(buffer_, file_);
  }
}

bool ByteSource::refill() {
  base_ += buffer_.size();
  start_ = 0;
  buffer_.resize(kPiece);
  stream_.read(buffer_.data(), static_cast<std::streamsize>(kPiece));
  buffer_.resize(static_cast<std::size_t>(stream_.gcount()));
  if (stream_.bad()) {
    throw UsageError("E-DATA-FILE",
                     fmt::format("{}: cannot read beyond byte {}", file_, base_ + buffer_.size()));
  }
  return !buffer_.empty();
}

std::string_view ByteSource::available() {
  if (start_ == buffer_.size() && (buffer_.empty() || !refill())) {
    return {};
  }
  return std::string_view(buffer_).substr(start_);
}

}  // namespace headroom::datasets
