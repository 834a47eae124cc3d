#include "memory/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/errors.h"

namespace headroom::memory {

namespace {

constexpr const char* kCode = "E-MEM-BUDGET";
constexpr double kReserveShare = 0.10;
constexpr Bytes kLeastReserve = 64_MiB;
constexpr Bytes kMostReserve = 4_GiB;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

double parse_share(std::string_view number, std::string_view whole) {
  double percent = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), percent);
  const bool read = error == std::errc() && end == number.data() + number.size();
  if (!read || !std::isfinite(percent) || percent <= 0 || percent > 100) {
    throw UsageError(kCode,
                     fmt::format("--memory {}: a share of the machine's memory must be above 0 % "
                                 "and at most 100 %; write for example 80% or 12GiB",
                                 whole));
  }
  return percent / 100.0;
}

void keep_smaller(std::optional<Capacity>& least, Bytes bytes, std::string source) {
  if (!least || bytes < least->bytes) {
    least = Capacity{bytes, std::move(source)};
  }
}

std::string held_text(Bytes own) {
  return own > Bytes() ? fmt::format(" and {} held by this run", to_string(own)) : std::string();
}

std::optional<Capacity> device_capacity(const Reading& reading) {
  if (!reading.device_free) {
    return std::nullopt;
  }
  const Bytes own = reading.active.value_or(Bytes()) + reading.cache.value_or(Bytes());
  return Capacity{
      *reading.device_free + own,
      fmt::format("device memory: {} free{}", to_string(*reading.device_free), held_text(own))};
}

std::optional<Capacity> host_capacity(const Reading& reading) {
  const Bytes own = total_footprint(reading).value_or(Bytes());
  std::optional<Capacity> least;
  if (reading.system_available) {
    keep_smaller(
        least,
        *reading.system_available + own,
        fmt::format(
            "system memory: {} available{}", to_string(*reading.system_available), held_text(own)));
  }
  if (reading.cgroup_limit) {
    const Bytes others = saturating_minus(reading.cgroup_used.value_or(Bytes()), own);
    keep_smaller(least,
                 saturating_minus(*reading.cgroup_limit, others),
                 fmt::format("cgroup limit {}, {} of it used by others",
                             to_string(*reading.cgroup_limit),
                             to_string(others)));
  }
  return least;
}

const char* where_from(Counter counter) {
  return counter == Counter::kDevice ? "device" : "machine";
}

/// A size that was asked for, or less when there is less.
void cap_by_size(Budget& budget,
                 Bytes size,
                 const std::string& written,
                 const std::optional<Capacity>& has) {
  budget.requested = size;
  budget.limit = size;
  budget.source = fmt::format("{} from --memory", to_string(size));
  if (has && has->bytes < size) {
    budget.limit = has->bytes;
    budget.source =
        fmt::format("{}: {}; --memory {} is more", to_string(has->bytes), has->source, written);
    budget.warning = fmt::format(
        "--memory {} ({}) is more than the {} can give now: {} ({}); the budget is {}: ask for "
        "less, or free memory and start again",
        written,
        to_string(size),
        where_from(budget.counter),
        to_string(has->bytes),
        has->source,
        to_string(has->bytes));
  }
}

}  // namespace

std::string_view to_string(Counter counter) {
  return counter == Counter::kDevice ? "device" : "footprint";
}

BudgetRequest parse_budget(std::string_view text) {
  const std::string_view word = trimmed(text);
  BudgetRequest request;
  request.text = word;
  if (word.empty()) {
    return request;
  }
  if (word.back() == '%') {
    request.share = parse_share(trimmed(word.substr(0, word.size() - 1)), word);
    return request;
  }
  try {
    request.size = parse_bytes(word);
  } catch (const UsageError& error) {
    throw UsageError(kCode, fmt::format("--memory: {}; or a share such as 80%", error.what()));
  }
  if (*request.size == Bytes()) {
    throw UsageError(
        kCode,
        fmt::format("--memory {}: a budget of nothing; write for example 80% or 12GiB", word));
  }
  return request;
}

std::optional<Capacity> capacity(const Reading& reading, Counter counter) {
  if (counter == Counter::kDevice) {
    return device_capacity(reading);
  }
  std::optional<Capacity> least = host_capacity(reading);
  if (reading.device_used && reading.device_free) {
    // One memory for both, of which the GPU takes no more than it recommends.
    keep_smaller(
        least, *reading.device_used + *reading.device_free, "the GPU's recommended working set");
  }
  return least;
}

Bytes machine_reserve(Bytes capacity) {
  return std::clamp(scaled(capacity, kReserveShare), kLeastReserve, kMostReserve);
}

Budget resolve_budget(const BudgetRequest& request, const Reading& reading, Counter counter) {
  const std::optional<Capacity> has = capacity(reading, counter);
  Budget budget;
  budget.counter = counter;
  if (has) {
    budget.capacity = has->bytes;
  }
  if (counter == Counter::kDevice) {
    if (const auto host = host_capacity(reading)) {
      budget.host_capacity = host->bytes;
    }
  }
  if (request.size) {
    cap_by_size(budget, *request.size, request.text, has);
    return budget;
  }
  if (!has) {
    throw UsageError(kCode,
                     fmt::format("--memory {}: nothing tells how much memory this {} has; give a "
                                 "size, for example --memory 8GiB",
                                 request.text,
                                 where_from(counter)));
  }
  if (request.share) {
    budget.limit = scaled(has->bytes, *request.share);
    budget.source = fmt::format("{} = {:g} % of {}: {}",
                                to_string(budget.limit),
                                *request.share * 100.0,
                                to_string(has->bytes),
                                has->source);
    return budget;
  }
  const Bytes reserve = machine_reserve(has->bytes);
  budget.limit = saturating_minus(has->bytes, reserve);
  budget.source = fmt::format("{} = {} less a reserve of {}: {}",
                              to_string(budget.limit),
                              to_string(has->bytes),
                              to_string(reserve),
                              has->source);
  return budget;
}

Capacity live_limit(const Budget& budget, const Reading& reading) {
  const std::optional<Capacity> has = capacity(reading, budget.counter);
  if (has && has->bytes < budget.limit) {
    return *has;
  }
  return {budget.limit, budget.source};
}

Json to_json(const Budget& budget) {
  Json json = {{"limit_bytes", budget.limit.count()},
               {"counter", to_string(budget.counter)},
               {"source", budget.source}};
  if (budget.capacity) {
    json["capacity_bytes"] = budget.capacity->count();
  }
  if (budget.requested) {
    json["requested_bytes"] = budget.requested->count();
  }
  if (budget.host_capacity) {
    json["host_capacity_bytes"] = budget.host_capacity->count();
  }
  if (!budget.warning.empty()) {
    json["warning"] = budget.warning;
  }
  return json;
}

}  // namespace headroom::memory
