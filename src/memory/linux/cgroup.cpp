#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "memory/system_source.h"
#include "proc_fields.h"

namespace headroom::memory {

namespace {

namespace fs = std::filesystem;

/// Version 1 writes "no limit" as the largest number of whole pages.
constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 62U;

/// Where one hierarchy of control groups is mounted, and which of its groups stands there.
struct Mount {
  fs::path point;
  std::string group;  ///< "/" unless a part of the hierarchy is mounted (containers)
};

/// One line of /proc/self/mountinfo: "36 35 98:0 /group /point options … - type source options".
std::optional<Mount> cgroup_mount(const std::string& line, int version) {
  const auto dash = line.find(" - ");
  if (dash == std::string::npos) {
    return std::nullopt;
  }
  std::istringstream before(line.substr(0, dash));
  std::istringstream after(line.substr(dash + 3));
  std::string id, parent, device, group, point, type, source, options;
  before >> id >> parent >> device >> group >> point;
  after >> type >> source >> options;
  const bool memory = ("," + options + ",").find(",memory,") != std::string::npos;
  const bool right = version == 2 ? type == "cgroup2" : type == "cgroup" && memory;
  return right ? std::optional<Mount>({point, group}) : std::nullopt;
}

std::optional<Mount> find_mount(const fs::path& root, int version) {
  std::istringstream lines(read_small_file(root / "proc/self/mountinfo").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (auto mount = cgroup_mount(line, version)) {
      return mount;
    }
  }
  return std::nullopt;
}

/// Lines of /proc/self/cgroup: "4:memory:/path" (version 1), "0::/path" (version 2).
std::optional<std::string> own_group(const fs::path& root, int version) {
  std::istringstream lines(read_small_file(root / "proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool right =
        version == 2 ? controllers == ",," : controllers.find(",memory,") != std::string::npos;
    if (right) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

/// The process's own group and those above it, as folders, own first.
std::vector<fs::path> folders(const fs::path& root, const Mount& mount, const std::string& group) {
  const fs::path point = root / mount.point.relative_path();
  // In a container the mount often shows the own group as its top, under a path that only the host
  // knows.
  std::string below = group;
  if (mount.group != "/" && below.starts_with(mount.group)) {
    below = below.substr(mount.group.size());
  }
  fs::path at = point / fs::path(below).relative_path();
  std::error_code error;
  if (!fs::is_directory(at, error)) {
    at = point;
  }
  std::vector<fs::path> result;
  for (; at != point && at.has_relative_path(); at = at.parent_path()) {
    if (!at.filename().empty()) {
      result.push_back(at);
    }
  }
  result.push_back(point);
  return result;
}

std::optional<std::uint64_t> number_in(const fs::path& path) {
  const auto text = read_small_file(path);
  return text ? whole_number(*text) : std::nullopt;
}

std::optional<Bytes> smaller(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
  if (!a && !b) {
    return std::nullopt;
  }
  return Bytes(std::min(a.value_or(~std::uint64_t{0}), b.value_or(~std::uint64_t{0})));
}

std::optional<CgroupMemory> figures(const fs::path& folder, int version) {
  const bool two = version == 2;
  const auto usage = number_in(folder / (two ? "memory.current" : "memory.usage_in_bytes"));
  if (!usage) {
    return std::nullopt;  // the top group of version 2 has no figures
  }
  CgroupMemory result;
  result.version = version;
  result.folder = folder;
  const std::string stat = read_small_file(folder / "memory.stat").value_or("");
  const auto droppable = number_of(stat, two ? "inactive_file" : "total_inactive_file");
  result.used = saturating_minus(Bytes(*usage), Bytes(droppable.value_or(0)));
  if (two) {
    result.limit = smaller(number_in(folder / "memory.max"), number_in(folder / "memory.high"));
  } else {
    const auto limit = number_in(folder / "memory.limit_in_bytes");
    if (limit && *limit < kUnlimited) {
      result.limit = Bytes(*limit);
    }
  }
  const std::string events =
      read_small_file(folder / (two ? "memory.events" : "memory.oom_control")).value_or("");
  result.oom_kills = number_of(events, "oom_kill");
  return result;
}

/// A group without a limit leaves more than any with one.
bool leaves_less(const CgroupMemory& a, const CgroupMemory& b) {
  if (!a.limit || !b.limit) {
    return a.limit.has_value() && !b.limit;
  }
  return saturating_minus(*a.limit, a.used) < saturating_minus(*b.limit, b.used);
}

std::optional<CgroupMemory> read_version(const fs::path& root, int version) {
  const auto group = own_group(root, version);
  const auto mount = find_mount(root, version);
  if (!group || !mount) {
    return std::nullopt;
  }
  std::optional<CgroupMemory> tightest;
  std::optional<std::uint64_t> own_kills;
  for (const fs::path& folder : folders(root, *mount, *group)) {
    const auto one = figures(folder, version);
    if (!one) {
      continue;
    }
    if (!tightest) {
      own_kills = one->oom_kills;
    }
    if (!tightest || leaves_less(*one, *tightest)) {
      tightest = one;
    }
  }
  if (tightest) {
    tightest->oom_kills = own_kills;
  }
  return tightest;
}

}  // namespace

std::optional<CgroupFolders> cgroup_folders(int version, const fs::path& root) {
  const auto group = own_group(root, version);
  const auto mount = find_mount(root, version);
  if (!group || !mount) {
    return std::nullopt;
  }
  const std::vector<fs::path> all = folders(root, *mount, *group);
  return CgroupFolders{all.front(), all.back()};
}

std::optional<CgroupMemory> read_cgroup_memory(const fs::path& root) {
  // A machine with both has the memory controller in one of them.
  if (auto one = read_version(root, 1)) {
    return one;
  }
  return read_version(root, 2);
}

}  // namespace headroom::memory
