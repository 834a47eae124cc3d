#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "cgroup_wall.h"
#include "group_files.h"
#include "memory/system_source.h"
#include "scope_wall.h"
#include "worker/wall.h"

namespace headroom::worker {

namespace {

namespace fs = std::filesystem;

/// systemd marks a subtree that it left to somebody; elsewhere it alone makes groups.
bool delegated(const fs::path& root, const fs::path& folder) {
  if (!fs::is_directory(root / "run/systemd/system")) {
    return true;
  }
  std::array<char, 1> value{};
  const auto has = [&](const char* name) {
    return ::getxattr(folder.c_str(), name, value.data(), value.size()) == 1 && value[0] == '1';
  };
  return has("user.delegate") || has("trusted.delegate");
}

/// A group beside ours is outside of what limits ours.
bool limits_memory(const fs::path& group) {
  for (const char* file : {"memory.max", "memory.high"}) {
    if (read_group_file(group / file).value_or("max") != "max") {
      return true;
    }
  }
  return false;
}

/// Why no group with a limit may be made in `parent`; empty: it may.
std::string obstacle(const fs::path& root, const fs::path& parent, const fs::path& own) {
  if (!lists(parent / "cgroup.controllers", "memory")) {
    return fmt::format("{} has no memory controller", parent.string());
  }
  if (!delegated(root, parent)) {
    return fmt::format("{} is systemd's", parent.string());
  }
  if (parent != own && limits_memory(own)) {
    return fmt::format("beside {} its limit would not count", own.string());
  }
  if (::access((parent / "cgroup.procs").c_str(), W_OK) != 0) {
    return fmt::format("{} is not ours to write", parent.string());
  }
  if (lists(parent / "cgroup.subtree_control", "memory")) {
    return {};
  }
  // Refused to a group that holds processes, as ours does; nobody is moved for it.
  const std::string error = write_group_file(parent / "cgroup.subtree_control", "+memory");
  return error.empty() ? std::string() : error;
}

std::unique_ptr<KernelWall> version_1(const WallPlaces& places, std::string& why_not) {
  const auto folders = memory::cgroup_folders(1, places.root);
  if (!folders) {
    why_not = "no cgroup v1 memory controller";
    return nullptr;
  }
  return CgroupWall::make(1, folders->own, why_not);
}

std::unique_ptr<KernelWall> version_2(const WallPlaces& places, std::string& why_not) {
  const auto folders = memory::cgroup_folders(2, places.root);
  if (!folders) {
    why_not = "no cgroup v2";
    return nullptr;
  }
  std::vector<fs::path> parents = {folders->own};
  if (folders->own != folders->top) {
    parents.push_back(folders->own.parent_path());
  }
  for (const fs::path& parent : parents) {
    std::string why = obstacle(places.root, parent, folders->own);
    if (why.empty()) {
      if (auto wall = CgroupWall::make(2, parent, why)) {
        return wall;
      }
    }
    why_not += (why_not.empty() ? "" : ", ") + why;
  }
  return nullptr;
}

}  // namespace

KernelWallSearch find_kernel_wall(const WallPlaces& places) {
  KernelWallSearch search;
  std::string of_version_1;
  std::string of_version_2;
  search.found = version_1(places, of_version_1);
  if (!search.found) {
    search.found = version_2(places, of_version_2);
  }
  if (search.found) {
    return search;
  }
  search.why_not = fmt::format("{}; {}", of_version_1, of_version_2);
  std::string of_systemd;
  search.found = ScopeWall::make(places, of_systemd);
  if (!search.found) {
    search.why_not += "; " + of_systemd;
  }
  return search;
}

}  // namespace headroom::worker
