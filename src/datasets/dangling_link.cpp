#include "dangling_link.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

namespace headroom::datasets {

std::string dangling_link_text(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) {
    return {};
  }
  const std::filesystem::path target = std::filesystem::read_symlink(path, error);
  return error ? std::string()
               : fmt::format("; it is a link to {}, which leads nowhere", target.string());
}

}  // namespace headroom::datasets
