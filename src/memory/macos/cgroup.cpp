// macOS has no control groups.
#include "memory/system_source.h"

namespace headroom::memory {

std::optional<CgroupMemory> read_cgroup_memory(const std::filesystem::path&) {
  return std::nullopt;
}

std::optional<CgroupFolders> cgroup_folders(int, const std::filesystem::path&) {
  return std::nullopt;
}

}  // namespace headroom::memory
