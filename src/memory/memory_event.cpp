#include <array>

#include "memory/governor.h"

namespace headroom::memory {

namespace {

void set(Json& json, const char* key, const std::optional<Bytes>& value) {
  if (value) {
    json[key] = value->count();
  }
}

}  // namespace

std::string_view to_string(MemoryEvent::Kind kind) {
  constexpr std::array<std::string_view, 11> names = {"budget",
                                                      "plan",
                                                      "load",
                                                      "refuse",
                                                      "rung",
                                                      "group",
                                                      "pressure",
                                                      "clean",
                                                      "broken",
                                                      "unload",
                                                      "wall"};
  return names.at(static_cast<std::size_t>(kind));
}

Json to_json(const MemoryEvent& event) {
  Json json = {{"schema", "headroom.memory/1"},
               {"time", iso_time(event.time)},
               {"kind", to_string(event.kind)},
               {"reason", event.reason}};
  if (!event.group.empty()) {
    json["group"] = event.group;
  }
  if (!event.detail.empty()) {
    json["detail"] = event.detail;
  }
  if (event.freed) {
    json["freed_bytes"] = *event.freed;
  }
  if (event.duration != Duration::zero()) {
    json["seconds"] = seconds(event.duration);
  }
  if (event.before) {
    json["before"] = to_json(*event.before);
  }
  if (event.after) {
    json["after"] = to_json(*event.after);
  }
  if (!event.numbers.empty()) {
    json["numbers"] = event.numbers;
  }
  return json;
}

Json to_json(const MemorySummary& summary) {
  Json json = {{"budget", to_json(summary.budget)},
               {"planned_peak_bytes", summary.planned_peak.count()},
               {"budget_kept", summary.budget_kept},
               {"cleanups", summary.cleanups},
               {"fruitless_cleanups", summary.fruitless_cleanups},
               {"freed_bytes", summary.freed},
               {"refused_groups", summary.refused},
               {"samples", summary.peaks.samples}};
  set(json, "measured_peak_bytes", summary.measured_peak);
  set(json, "peak_footprint_bytes", summary.peaks.total);
  set(json, "peak_supervisor_bytes", summary.peaks.supervisor);
  set(json, "peak_worker_bytes", summary.peaks.worker);
  set(json, "peak_device_bytes", summary.peaks.device);
  set(json, "lowest_available_bytes", summary.peaks.lowest_available);
  return json;
}

}  // namespace headroom::memory
