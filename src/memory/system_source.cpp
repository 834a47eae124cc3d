#include "memory/system_source.h"

#include <unistd.h>

#include <utility>

#include "system_available.h"

namespace headroom::memory {

SystemMemorySource::SystemMemorySource(const Clock& clock, std::filesystem::path root)
    : clock_(clock), root_(std::move(root)), processes_(root_) {}

void SystemMemorySource::watch(std::vector<pid_t> workers) {
  const std::scoped_lock lock(mutex_);
  workers_ = std::move(workers);
}

void SystemMemorySource::read_processes(Reading& reading) const {
  const pid_t self = ::getpid();
  if (const auto own = processes_.footprint(self)) {
    reading.supervisor_footprint = own->now;
  }
  std::vector<pid_t> workers;
  {
    const std::scoped_lock lock(mutex_);
    workers = workers_;
  }
  if (workers.empty()) {
    workers = processes_.descendants(self);
  }
  for (const pid_t pid : workers) {
    const auto one = processes_.footprint(pid);
    if (!one) {
      continue;
    }
    reading.worker_footprint = reading.worker_footprint.value_or(Bytes()) + one->now;
    reading.worker_footprint_peak =
        reading.worker_footprint_peak.value_or(Bytes()) + one->peak.value_or(one->now);
  }
}

Reading SystemMemorySource::read() {
  Reading reading;
  reading.time = clock_.wall();
  read_processes(reading);
  reading.system_available = system_available(root_);
  if (const auto group = read_cgroup_memory(root_)) {
    reading.cgroup_used = group->used;
    reading.cgroup_limit = group->limit;
  }
  return reading;
}

}  // namespace headroom::memory
