#include "memory/sampler.h"

#include <algorithm>
#include <utility>

namespace headroom::memory {

namespace {

void raise(std::optional<Bytes>& peak, const std::optional<Bytes>& value) {
  if (value) {
    peak = std::max(peak.value_or(Bytes()), *value);
  }
}

}  // namespace

void Peaks::see(const Reading& reading) {
  ++samples;
  raise(total, total_footprint(reading));
  raise(supervisor, reading.supervisor_footprint);
  raise(worker, reading.worker_footprint);
  if (reading.active) {
    raise(device, *reading.active + reading.cache.value_or(Bytes()));
    raise(device, reading.peak);
  }
  if (reading.system_available) {
    lowest_available =
        std::min(lowest_available.value_or(*reading.system_available), *reading.system_available);
  }
}

Sampler::~Sampler() { stop(); }

void Sampler::renew() {
  const std::scoped_lock one_reader(reading_);
  source_.renew();
}

Reading Sampler::tick() {
  const std::scoped_lock one_reader(reading_);
  const Reading reading = source_.read();
  Reading spike = reading;
  if (hear_) {
    hear_(reading);
  }
  const std::scoped_lock lock(mutex_);
  if (reading.worker_footprint_peak && reading.worker_footprint_peak != worker_mark_) {
    raise(spike.worker_footprint, reading.worker_footprint_peak);
  }
  series_.add(reading, moment_, total_footprint(spike));
  worker_mark_ = reading.worker_footprint_peak;
  peaks_.see(spike);
  window_.see(spike);
  latest_ = reading;
  return reading;
}

void Sampler::start(Duration period) {
  const std::scoped_lock lock(mutex_);
  if (!thread_.joinable()) {
    stopping_ = false;
    thread_ = std::thread([this, period] { loop(period); });
  }
}

void Sampler::stop() {
  std::thread ending;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    ending = std::move(thread_);
  }
  wake_.notify_all();
  if (ending.joinable()) {
    ending.join();
  }
}

void Sampler::loop(Duration period) {
  for (;;) {
    tick();
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, period, [this] { return stopping_; })) {
      return;
    }
  }
}

Peaks Sampler::peaks() const {
  const std::scoped_lock lock(mutex_);
  return peaks_;
}

Peaks Sampler::window() const {
  const std::scoped_lock lock(mutex_);
  return window_;
}

void Sampler::begin_window() {
  const std::scoped_lock lock(mutex_);
  window_ = Peaks();
}

std::optional<Reading> Sampler::latest() const {
  const std::scoped_lock lock(mutex_);
  return latest_;
}

void Sampler::set_moment(Moment moment) {
  const std::scoped_lock lock(mutex_);
  moment_ = std::move(moment);
}

void Sampler::set_phase(RunPhase phase) {
  const std::scoped_lock lock(mutex_);
  moment_.phase = phase;
}

Moment Sampler::moment() const {
  const std::scoped_lock lock(mutex_);
  return moment_;
}

void Sampler::see(const Reading& worker) {
  // Its footprint is a part of the sum only, and the system's figures are read here; where they
  // lack it, this process alone would pass for the sum.
  Reading own;
  own.time = worker.time;
  own.active = worker.active;
  own.cache = worker.cache;
  own.peak = worker.peak;
  own.device_free = worker.device_free;
  const std::scoped_lock lock(mutex_);
  series_.add(own, moment_);
  if (worker.worker_footprint && latest_ && !latest_->worker_footprint) {
    Reading sum = *latest_;
    sum.worker_footprint = worker.worker_footprint;
    raise(sum.worker_footprint, worker.worker_footprint_peak);
    peaks_.see(sum);
    window_.see(sum);
  }
}

std::vector<ReadingSpan> Sampler::drain() {
  const std::scoped_lock lock(mutex_);
  return series_.drain();
}

PhaseMark::PhaseMark(Sampler& sampler, Moment moment)
    : sampler_(sampler), before_(sampler.moment()) {
  sampler_.set_moment(std::move(moment));
}

PhaseMark::PhaseMark(Sampler& sampler, RunPhase phase)
    : sampler_(sampler), before_(sampler.moment()) {
  sampler_.set_phase(phase);
}

PhaseMark::~PhaseMark() { sampler_.set_moment(std::move(before_)); }

}  // namespace headroom::memory
