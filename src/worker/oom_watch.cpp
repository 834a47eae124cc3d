#include "oom_watch.h"

#include <fmt/format.h>

#include <fstream>
#include <vector>

namespace headroom::worker {

namespace {

namespace fs = std::filesystem;

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
      unified = {roots.cgroup / group / "memory.events", roots.cgroup / "memory.events"};
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

void OomWatch::mark(pid_t pid) {
  for (const fs::path& file : candidates(roots_, pid)) {
    before_ = read_counter(file);
    if (before_) {
      counter_ = file;
      return;
    }
  }
}

std::optional<std::string> OomWatch::change() const {
  const std::optional<std::uint64_t> after = before_ ? read_counter(counter_) : std::nullopt;
  if (!after || *after <= *before_) {
    return std::nullopt;
  }
  return fmt::format("{} oom_kill {} -> {}", counter_.string(), *before_, *after);
}

}  // namespace headroom::worker
