#include "memory/system_source.h"

#include <unistd.h>

#include <utility>

#include "system_available.h"

namespace headroom::memory {

SystemMemorySource::SystemMemorySource(const Clock& clock, std::filesystem::path root)
    : clock_(clock), root_(std::move(root)), processes_(root_) {}

void SystemMemorySource::watch(std::vector<pid_t> workers) {
  const std::scoped_lock lock(mutex_);
  watched_ = std::move(workers);
  renewed_.reset();
}

void SystemMemorySource::renew() {
  const std::scoped_lock lock(mutex_);
  renewed_.reset();
}

void SystemMemorySource::look_for_all() {
  children_ = processes_.children(::getpid());
  workers_ = watched_.empty() ? processes_.descendants(::getpid()) : watched_;
  // A zombie stays among the children until it is waited for; it holds nothing.
  std::erase_if(workers_, [this](pid_t pid) { return !processes_.footprint(pid); });
  slow_ = Reading();
  slow_.system_available = system_available(root_);
  if (const auto group = read_cgroup_memory(root_)) {
    slow_.cgroup_used = group->used;
    slow_.cgroup_limit = group->limit;
  }
  renewed_ = clock_.now();
}

bool SystemMemorySource::read_workers(Reading& reading) const {
  bool all = true;
  for (const pid_t pid : workers_) {
    const auto one = processes_.footprint(pid);
    if (!one) {
      all = false;
      continue;
    }
    reading.worker_footprint = reading.worker_footprint.value_or(Bytes()) + one->now;
    reading.worker_footprint_peak =
        reading.worker_footprint_peak.value_or(Bytes()) + one->peak.value_or(one->now);
  }
  return all;
}

Reading SystemMemorySource::read() {
  const std::scoped_lock lock(mutex_);
  const bool old = !renewed_ || clock_.now() - *renewed_ >= kSlowSensors ||
                   (watched_.empty() && processes_.children(::getpid()) != children_);
  if (old) {
    look_for_all();
  }
  Reading reading = slow_;
  if (!read_workers(reading) && !old) {
    look_for_all();
    reading = slow_;
    read_workers(reading);
  }
  if (const auto own = processes_.footprint(::getpid())) {
    reading.supervisor_footprint = own->now;
  }
  reading.time = clock_.wall();
  return reading;
}

}  // namespace headroom::memory
