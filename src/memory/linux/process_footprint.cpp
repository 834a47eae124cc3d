#include "memory/process_footprint.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <system_error>

#include "proc_fields.h"

namespace headroom::memory {

namespace {

std::filesystem::path folder_of(const std::filesystem::path& root, pid_t pid) {
  return root / "proc" / std::to_string(pid);
}

}  // namespace

std::optional<ProcessFootprint> ProcessMemory::footprint(pid_t pid) const {
  const auto status = read_small_file(folder_of(root_, pid) / "status");
  // A zombie, and a thread of the kernel, has a status without memory.
  const auto resident = status ? kilobytes_of(*status, "VmRSS") : std::nullopt;
  if (!resident) {
    return std::nullopt;
  }
  ProcessFootprint result;
  result.anonymous = kilobytes_of(*status, "RssAnon");
  result.file = kilobytes_of(*status, "RssFile");
  result.shared = kilobytes_of(*status, "RssShmem");
  result.swapped = kilobytes_of(*status, "VmSwap");
  result.peak = kilobytes_of(*status, "VmHWM");
  result.now = *resident + result.swapped.value_or(Bytes());
  return result;
}

std::optional<ProcessFootprint> ProcessMemory::exact_footprint(pid_t pid) const {
  const auto rollup = read_small_file(folder_of(root_, pid) / "smaps_rollup");
  const auto resident = rollup ? kilobytes_of(*rollup, "Rss") : std::nullopt;
  if (!resident) {
    return std::nullopt;
  }
  ProcessFootprint result;
  result.anonymous = kilobytes_of(*rollup, "Anonymous");
  result.swapped = kilobytes_of(*rollup, "Swap");
  result.now = *resident + result.swapped.value_or(Bytes());
  return result;
}

std::vector<pid_t> ProcessMemory::children(pid_t pid) const {
  std::vector<pid_t> all;
  std::error_code error;
  const std::filesystem::path tasks = folder_of(root_, pid) / "task";
  for (std::filesystem::directory_iterator task(tasks, error), end; !error && task != end;
       task.increment(error)) {
    std::istringstream children(read_small_file(task->path() / "children").value_or(""));
    for (pid_t child = 0; children >> child;) {
      all.push_back(child);
    }
  }
  return all;
}

bool ProcessMemory::reset_peak(pid_t pid) const {
  // "5" resets the high-water mark of resident memory (proc(5), clear_refs).
  std::ofstream file(folder_of(root_, pid) / "clear_refs");
  file << "5" << std::flush;
  return file.good();
}

}  // namespace headroom::memory
