#include "base/absolute_path.h"

namespace headroom {

std::string absolute_path(const std::filesystem::path& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

std::string last_name(const std::filesystem::path& path) {
  const std::filesystem::path whole = absolute_path(path);
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

}  // namespace headroom
