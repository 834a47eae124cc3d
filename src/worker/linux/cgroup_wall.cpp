#include "cgroup_wall.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>
#include <system_error>
#include <vector>

#include "group_files.h"

namespace headroom::worker {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "headroom-";
constexpr int kMostNames = 100;
constexpr int kRemovalTries = 1000;
constexpr useconds_t kRemovalPause = 1000;
/// More than any machine has: whether a limit is taken can be tried without limiting.
constexpr const char* kTrialLimit = "1125899906842624";

constexpr std::array<const char*, 2> kNoLimit = {"-1", "max"};

/// The process that a group's name tells; 0 for names that are not ours.
pid_t supervisor_of(const std::string& name) {
  pid_t pid = 0;
  if (name.starts_with(kPrefix)) {
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), pid);
  }
  return pid;
}

void kill_members(const fs::path& folder) {
  std::istringstream members(read_group_file(folder / "cgroup.procs").value_or(""));
  for (pid_t pid = 0; members >> pid;) {
    if (pid > 0) {  // 0: a process that this namespace does not see
      ::kill(pid, SIGKILL);
    }
  }
}

/// A group is busy for a moment after its last process.
void remove_group(const fs::path& folder) {
  kill_members(folder);
  for (int i = 0; i < kRemovalTries && ::rmdir(folder.c_str()) != 0 && errno == EBUSY; ++i) {
    ::usleep(kRemovalPause);
  }
}

}  // namespace

void remove_stale_groups(const fs::path& parent) {
  std::vector<fs::path> stale;
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end;
       entry.increment(error)) {
    const pid_t pid = supervisor_of(entry->path().filename());
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) {
      stale.push_back(entry->path());
    }
  }
  for (const fs::path& folder : stale) {
    ::rmdir(folder.c_str());  // refused while somebody is inside
  }
}

std::unique_ptr<CgroupWall> CgroupWall::make(int version,
                                             const fs::path& parent,
                                             std::string& why_not) {
  remove_stale_groups(parent);
  fs::path folder;
  int made = -1;
  for (int i = 0; i < kMostNames && made != 0; ++i) {
    folder = parent / fmt::format("{}{}-{}", kPrefix, ::getpid(), i);
    made = ::mkdir(folder.c_str(), 0755);
    if (made != 0 && errno != EEXIST) {
      break;
    }
  }
  if (made != 0) {
    why_not = fmt::format("cannot make {}: {}", folder.string(), std::strerror(errno));
    return nullptr;
  }
  std::unique_ptr<CgroupWall> wall(new CgroupWall(version, folder));
  why_not = wall->write_limit(kTrialLimit);
  if (why_not.empty()) {
    why_not = wall->write_limit(kNoLimit.at(static_cast<std::size_t>(version - 1)));
  }
  return why_not.empty() ? std::move(wall) : nullptr;
}

CgroupWall::~CgroupWall() { remove_group(folder_); }

std::string CgroupWall::text() const {
  return fmt::format("cgroup v{} {}", version_, folder_.string());
}

WorkerCommand CgroupWall::inside(const WorkerCommand& command) {
  if (::mkdir(folder_.c_str(), 0755) == 0) {  // somebody removed it
    write_limit(limit_);
  }
  if (version_ == 1) {
    write_group_file(folder_ / "memory.max_usage_in_bytes", "0");
  }
  WorkerCommand result = command;
  result.group = folder_;
  return result;
}

std::string CgroupWall::set_limit(Bytes limit) {
  limit_ = std::to_string(limit.count());
  return write_limit(limit_);
}

/// Version 1 keeps memory below memory and swap together: which must be written first depends on
/// the way the limit goes. Without the second, what is inside is not to be swapped at all.
std::string CgroupWall::write_limit(const std::string& value) const {
  if (version_ == 2) {
    std::string error = write_group_file(folder_ / "memory.max", value);
    if (error.empty() && fs::exists(folder_ / "memory.swap.max")) {
      error = write_group_file(folder_ / "memory.swap.max", "0");
    }
    return error;
  }
  const fs::path both = folder_ / "memory.memsw.limit_in_bytes";
  const fs::path memory = folder_ / "memory.limit_in_bytes";
  write_group_file(folder_ / "memory.swappiness", "0");
  if (!fs::exists(both)) {
    return write_group_file(memory, value);
  }
  if (!write_group_file(memory, value).empty()) {
    write_group_file(both, value);
    return write_group_file(memory, value);
  }
  return write_group_file(both, value);
}

WallCount CgroupWall::count() const {
  WallCount count;
  if (version_ == 2) {
    count.kills = number_in_file(folder_ / "memory.events", "oom");
  }
  const auto peak =
      number_in_file(folder_ / (version_ == 2 ? "memory.peak" : "memory.max_usage_in_bytes"));
  if (peak) {
    count.peak = Bytes(*peak);
  }
  return count;
}

}  // namespace headroom::worker
