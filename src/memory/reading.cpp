#include "memory/reading.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <utility>

#include "base/errors.h"
#include "base/iso_time.h"
#include "base/json_fields.h"

namespace headroom::memory {

namespace {

using Sensor = std::optional<Bytes> Reading::*;

constexpr std::array<std::pair<const char*, Sensor>, 11> kSensors = {{
    {"active_bytes", &Reading::active},
    {"cache_bytes", &Reading::cache},
    {"peak_bytes", &Reading::peak},
    {"worker_footprint_bytes", &Reading::worker_footprint},
    {"worker_footprint_peak_bytes", &Reading::worker_footprint_peak},
    {"supervisor_footprint_bytes", &Reading::supervisor_footprint},
    {"system_available_bytes", &Reading::system_available},
    {"cgroup_used_bytes", &Reading::cgroup_used},
    {"cgroup_limit_bytes", &Reading::cgroup_limit},
    {"device_used_bytes", &Reading::device_used},
    {"device_free_bytes", &Reading::device_free},
}};

WallTime time_from_text(const std::string& text) {
  const std::optional<WallTime> time = time_from_iso(text);
  if (!time) {
    throw InputError(
        "E-CONTRACT",
        fmt::format("reading: 'time' must read like 2026-01-02T03:04:05.678Z, got '{}'", text));
  }
  return *time;
}

}  // namespace

Json to_json(const Reading& reading) {
  Json json = Json::object();
  if (reading.time != WallTime{}) {
    json["time"] = iso_time_milliseconds(reading.time);
  }
  for (const auto& [name, sensor] : kSensors) {
    if (const std::optional<Bytes>& value = reading.*sensor) {
      json[name] = value->count();
    }
  }
  return json;
}

Reading reading_from_json(const Json& json) {
  const JsonFields fields(json, "reading");
  Reading reading;
  if (fields.find("time") != nullptr) {
    reading.time = time_from_text(fields.text("time"));
  }
  for (const auto& [name, sensor] : kSensors) {
    reading.*sensor = fields.bytes(name);
  }
  return reading;
}

std::optional<Bytes> total_footprint(const Reading& reading) {
  if (!reading.worker_footprint && !reading.supervisor_footprint) {
    return std::nullopt;
  }
  return reading.worker_footprint.value_or(Bytes()) +
         reading.supervisor_footprint.value_or(Bytes());
}

Reading merged(const Reading& first, const Reading& second) {
  Reading result = first;
  if (result.time == WallTime{}) {
    result.time = second.time;
  }
  for (const auto& entry : kSensors) {
    const Sensor sensor = entry.second;
    if (!(result.*sensor)) {
      result.*sensor = second.*sensor;
    }
  }
  return result;
}

}  // namespace headroom::memory
