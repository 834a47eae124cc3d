#include "group_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

namespace headroom::worker {

std::optional<std::string> read_group_file(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) {
    return std::nullopt;
  }
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  text.erase(text.find_last_not_of(" \n\t") + 1);
  return text;
}

std::string write_group_file(const std::filesystem::path& file, std::string_view value) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool put = fd >= 0 && ::write(fd, value.data(), value.size()) >= 0;
  const int error = errno;
  if (fd >= 0) {
    ::close(fd);
  }
  return put ? std::string()
             : fmt::format("cannot write {} to {}: {}", value, file.string(), std::strerror(error));
}

std::optional<std::uint64_t> number_in_file(const std::filesystem::path& file,
                                            std::string_view key) {
  std::istringstream in(read_group_file(file).value_or(""));
  std::string word;
  while (key.empty() || in >> word) {
    std::uint64_t value = 0;
    if (!(in >> value)) {
      return std::nullopt;
    }
    if (word == key) {
      return value;
    }
  }
  return std::nullopt;
}

bool lists(const std::filesystem::path& file, std::string_view word) {
  std::istringstream in(read_group_file(file).value_or(""));
  for (std::string one; in >> one;) {
    if (one == word) {
      return true;
    }
  }
  return false;
}

}  // namespace headroom::worker
