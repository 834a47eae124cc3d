#include "proc_fields.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace headroom::memory {

namespace {

constexpr std::uint64_t kMostKilobytes = ~std::uint64_t{0} / 1024;

/// What follows `key` at the beginning of a line, up to the line's end.
std::optional<std::string_view> rest_of_line(std::string_view text, std::string_view key) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.starts_with(key)) {
      return line.substr(key.size());
    }
    at = end + 1;
  }
  return std::nullopt;
}

std::string_view without_space(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

}  // namespace

std::optional<std::string> read_small_file(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return std::nullopt;
  }
  std::string text;
  std::array<char, 4096> block;
  ssize_t count = 0;
  do {
    count = ::read(file, block.data(), block.size());
    if (count > 0) {
      text.append(block.data(), static_cast<std::size_t>(count));
    }
  } while (count > 0 || (count < 0 && errno == EINTR));
  ::close(file);
  // A process that ended between opening and reading gives nothing, or an error.
  if (count < 0 || text.empty()) {
    return std::nullopt;
  }
  return text;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  text = without_space(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<Bytes> kilobytes_of(std::string_view text, std::string_view key) {
  const auto rest = rest_of_line(text, std::string(key) + ":");
  if (!rest || !rest->ends_with(" kB")) {
    return std::nullopt;
  }
  const auto count = whole_number(rest->substr(0, rest->size() - 3));
  if (!count || *count > kMostKilobytes) {
    return std::nullopt;
  }
  return Bytes(*count * 1024);
}

std::optional<std::uint64_t> number_of(std::string_view text, std::string_view key) {
  const auto rest = rest_of_line(text, std::string(key) + " ");
  return rest ? whole_number(*rest) : std::nullopt;
}

}  // namespace headroom::memory
