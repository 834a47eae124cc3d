#include "oom_watch.h"

#include <fmt/format.h>

#include <fstream>
#include <vector>

namespace headroom::worker {

namespace {

namespace fs = std::filesystem;

constexpr const char* kEvents = "memory.events";

/// The value in a "key value" line of a kernel file.
std::optional<std::uint64_t> read_counter(const fs::path& file) {
  std::ifstream in(file);
  std::string key;
  std::uint64_t value = 0;
  while (in >> key >> value) {
    if (key == "oom_kill") {
      return value;
    }
  }
  return std::nullopt;
}

/// Files that may hold the count, best first. A path of /proc/PID/cgroup does not resolve where the
/// mount shows only a part of the tree, as in containers: then the mount's root is that part.
std::vector<fs::path> candidates(const OomWatch::Roots& roots, pid_t pid) {
  std::vector<fs::path> unified;
  std::vector<fs::path> legacy;
  std::ifstream in(roots.proc / std::to_string(pid) / "cgroup");
  std::string line;
  while (std::getline(in, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    const fs::path group = fs::path(line.substr(second + 1)).relative_path();
    if (controllers == ",,") {
      unified = {roots.cgroup / group / kEvents, roots.cgroup / kEvents};
    } else if (controllers.find(",memory,") != std::string::npos) {
      legacy = {roots.cgroup / "memory" / group / "memory.oom_control",
                roots.cgroup / "memory" / "memory.oom_control"};
    }
  }
  std::vector<fs::path> files = legacy;
  files.insert(files.end(), unified.begin(), unified.end());
  files.push_back(roots.proc / "vmstat");
  return files;
}

}  // namespace

void OomWatch::mark(pid_t pid, const fs::path& group) {
  std::vector<fs::path> files = candidates(roots_, pid);
  if (!group.empty()) {
    files.insert(files.begin(), {group / "memory.oom_control", group / kEvents});
  }
  counters_.clear();
  for (const fs::path& file : files) {
    if (const auto count = read_counter(file)) {
      counters_.push_back({file, *count});
      break;
    }
  }
  // Version 2 counts in the groups above as well; one that systemd made goes with its last process.
  if (!counters_.empty() && counters_.front().file.filename() == kEvents) {
    const fs::path above = counters_.front().file.parent_path().parent_path() / kEvents;
    if (const auto count = read_counter(above)) {
      counters_.push_back({above, *count});
    }
  }
}

std::optional<std::string> OomWatch::change() const {
  for (const auto& [file, before] : counters_) {
    if (const auto after = read_counter(file)) {
      return *after > before
                 ? std::optional(fmt::format("{} oom_kill {} -> {}", file.string(), before, *after))
                 : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace headroom::worker
