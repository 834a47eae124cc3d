#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/errors.h"
#include "memory/plan.h"
#include "plan_phases.h"

namespace headroom::memory {

namespace {

constexpr std::uint32_t kSmallestChunk = 64;
/// Parts below this share of the whole are summed up as "other".
constexpr double kWorthNaming = 0.02;

bool fits(Bytes required, Bytes host_peak, const Budget& budget) {
  return required <= budget.limit && (!budget.host_capacity || host_peak <= *budget.host_capacity);
}

/// New tokens of the longest forward pass, when no chunk is set.
std::uint32_t whole_prefill(const Workload& workload) {
  std::uint64_t prefix = 0;
  for (const PictureCost& picture : workload.pictures) {
    prefix += picture.tokens;
  }
  const std::uint64_t batch = std::max(workload.batch, 1U);
  const std::uint64_t questions = batch * workload.text_tokens;
  const std::uint64_t tokens =
      shares_prefix(workload) ? std::max(prefix, questions) : prefix * batch + questions;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(tokens, 1U << 30U));
}

Workload with_smallest_chunk(Workload workload) {
  workload.prefill_chunk = workload.prefill_chunk == 0
                               ? kSmallestChunk
                               : std::min(workload.prefill_chunk, kSmallestChunk);
  return workload;
}

std::string parts_text(const Plan& plan) {
  std::string text;
  Bytes other;
  const auto add = [&text](std::string_view name, Bytes bytes) {
    text += fmt::format("{}{} {}", text.empty() ? "" : " + ", name, to_string(bytes));
  };
  for (const PlanPart& part : plan.worst().parts) {
    if (part.on_host) {
      continue;
    }
    if (part.bytes < scaled(plan.required(), kWorthNaming)) {
      other += part.bytes;
    } else {
      add(to_string(part.kind), part.bytes);
    }
  }
  if (other > Bytes()) {
    add("other", other);
  }
  add("reserve", plan.reserve);
  return text;
}

/// Rounded up, so that what is proposed is enough: to 1 MiB, from 10 GiB on to 0.1 GiB.
std::string size_flag(Bytes bytes) {
  if (bytes >= 10_GiB) {
    const double tenths = std::ceil(static_cast<double>(bytes.count()) / 1073741824.0 * 10.0);
    return fmt::format("{:.1f}GiB", tenths / 10.0);
  }
  return fmt::format("{}MiB", (bytes.count() + (1_MiB).count() - 1) / (1_MiB).count());
}

void propose_batch(const Plan& plan, const Budget& budget, std::vector<Change>& changes) {
  const auto with = [&plan](std::uint32_t batch) {
    Workload workload = with_smallest_chunk(plan.workload);
    workload.batch = batch;
    return workload;
  };
  if (plan.workload.batch < 2) {
    return;
  }
  const auto batch = largest_good(1, plan.workload.batch - 1, [&](std::uint32_t n) {
    return fits(plan.geometry, with(n), budget);
  });
  if (batch) {
    changes.push_back(
        {fmt::format("--batch {}", *batch), make_plan(plan.geometry, with(*batch)).required()});
  }
}

void propose_max_tokens(const Plan& plan, const Budget& budget, std::vector<Change>& changes) {
  const auto with = [&plan](std::uint32_t tokens) {
    Workload workload = plan.workload;
    workload.max_tokens = tokens;
    return workload;
  };
  if (plan.workload.max_tokens < 2) {
    return;
  }
  const auto tokens = largest_good(1, plan.workload.max_tokens - 1, [&](std::uint32_t n) {
    return fits(plan.geometry, with(n), budget);
  });
  if (tokens) {
    changes.push_back({fmt::format("--max-tokens {}", *tokens),
                       make_plan(plan.geometry, with(*tokens)).required()});
  }
}

void propose_image_side(const Plan& plan, const Budget& budget, std::vector<Change>& changes) {
  std::optional<Change> best;
  std::uint32_t best_side = 0;
  for (const SmallerPicture& smaller : plan.workload.smaller) {
    Workload workload = plan.workload;
    for (PictureCost& picture : workload.pictures) {
      // Pictures that cost less as they are stay as they are.
      if (smaller.cost.encode < picture.encode || smaller.cost.decode < picture.decode) {
        picture = smaller.cost;
      }
    }
    if (smaller.max_image_side > best_side && fits(plan.geometry, workload, budget)) {
      best_side = smaller.max_image_side;
      best = Change{fmt::format("--max-image-side {}", smaller.max_image_side),
                    make_plan(plan.geometry, workload).required()};
    }
  }
  if (best) {
    changes.push_back(*best);
  }
}

std::string advice(const Plan& plan, const Budget& budget, const std::vector<Change>& changes) {
  std::string text;
  for (const Change& change : changes) {
    text += fmt::format("; {} needs {}", change.flag, to_string(change.needs));
  }
  if (!changes.empty()) {
    return text;
  }
  return fmt::format(
      "; the machine can give {}: use a smaller model, --dtype bfloat16, or a machine with {}",
      to_string(budget.capacity.value_or(budget.limit)),
      to_string(plan.required()));
}

}  // namespace

bool fits(const Geometry& geometry, const Workload& workload, const Budget& budget) {
  Bytes peak;
  Bytes host;
  for (const PhasePlan& phase : plan_phases(geometry, workload, false)) {
    peak = std::max(peak, phase.total());
    host = std::max(host, phase.host());
  }
  return fits(peak + plan_reserve(peak), host, budget);
}

std::optional<std::uint32_t> largest_good(std::uint32_t least,
                                          std::uint32_t most,
                                          const std::function<bool(std::uint32_t)>& good) {
  if (least > most || !good(least)) {
    return std::nullopt;
  }
  while (least < most) {
    const std::uint32_t middle = least + (most - least + 1) / 2;
    if (good(middle)) {
      least = middle;
    } else {
      most = middle - 1;
    }
  }
  return least;
}

Workload with_fitting_chunk(const Geometry& geometry, Workload workload, const Budget& budget) {
  while (!fits(geometry, workload, budget)) {
    const std::uint32_t now =
        workload.prefill_chunk == 0 ? whole_prefill(workload) : workload.prefill_chunk;
    if (now <= kSmallestChunk) {
      break;
    }
    workload.prefill_chunk = std::max(kSmallestChunk, now / 2);
  }
  return workload;
}

Admission admit(const Plan& plan, const Budget& budget) {
  Admission result;
  result.required = plan.required();
  result.limit = budget.limit;
  result.fits = fits(plan.required(), plan.host_peak(), budget);
  const bool over = result.required > budget.limit;
  result.text = fmt::format("plan: {}: {} = {} {} budget {} ({})",
                            to_string(plan.worst().phase),
                            parts_text(plan),
                            to_string(result.required),
                            over ? ">" : "<=",
                            to_string(budget.limit),
                            budget.source);
  if (result.fits) {
    return result;
  }
  if (!over && budget.host_capacity) {
    result.text += fmt::format("; but the host needs {} of the {} that it can give",
                               to_string(plan.host_peak()),
                               to_string(*budget.host_capacity));
  }
  const PlanPart& largest = plan.largest_part();
  result.text += fmt::format("; largest part: {} {}{}",
                             to_string(largest.kind),
                             to_string(largest.bytes),
                             largest.detail.empty() ? "" : " (" + largest.detail + ")");
  propose_batch(plan, budget, result.changes);
  propose_image_side(plan, budget, result.changes);
  propose_max_tokens(plan, budget, result.changes);
  if (over && (!budget.capacity || result.required <= *budget.capacity)) {
    result.changes.push_back({"--memory " + size_flag(result.required), result.required});
  }
  result.text += advice(plan, budget, result.changes);
  return result;
}

void require_fit(const Admission& admission) {
  if (!admission.fits) {
    throw BudgetError("E-MEM-PLAN", admission.text);
  }
}

Workload choose_batch(const Geometry& geometry, Workload workload, const Budget& budget) {
  workload.batch = std::max(workload.batch, 1U);
  Workload wished = with_fitting_chunk(geometry, workload, budget);
  if (fits(geometry, wished, budget)) {
    return wished;
  }
  const auto batch = largest_good(1, workload.batch, [&](std::uint32_t n) {
    Workload candidate = with_smallest_chunk(workload);
    candidate.batch = n;
    return fits(geometry, candidate, budget);
  });
  workload.batch = batch.value_or(1);
  return with_fitting_chunk(geometry, workload, budget);
}

Json to_json(const Plan& plan) {
  Json phases = Json::array();
  for (const PhasePlan& phase : plan.phases) {
    Json parts = Json::array();
    for (const PlanPart& part : phase.parts) {
      Json one = {{"part", to_string(part.kind)}, {"bytes", part.bytes.count()}};
      if (part.on_host) {
        one["on_host"] = true;
      }
      if (!part.detail.empty()) {
        one["detail"] = part.detail;
      }
      parts.push_back(std::move(one));
    }
    phases.push_back({{"phase", to_string(phase.phase)},
                      {"total_bytes", phase.total().count()},
                      {"parts", std::move(parts)}});
  }
  Json json = {{"family", plan.geometry.family},
               {"dtype", plan.geometry.dtype},
               {"batch", plan.workload.batch},
               {"prefill_chunk", plan.workload.prefill_chunk},
               {"max_tokens", plan.workload.max_tokens},
               {"text_tokens", plan.workload.text_tokens},
               {"worst_phase", to_string(plan.worst().phase)},
               {"planned_peak_bytes", plan.planned_peak().count()},
               {"reserve_bytes", plan.reserve.count()},
               {"required_bytes", plan.required().count()},
               {"phases", std::move(phases)}};
  if (plan.workload.counter == Counter::kDevice) {
    json["host_peak_bytes"] = plan.host_peak().count();
  }
  return json;
}

Json to_json(const Admission& admission) {
  Json changes = Json::array();
  for (const Change& change : admission.changes) {
    changes.push_back({{"flag", change.flag}, {"needs_bytes", change.needs.count()}});
  }
  return {{"fits", admission.fits},
          {"required_bytes", admission.required.count()},
          {"limit_bytes", admission.limit.count()},
          {"text", admission.text},
          {"changes", std::move(changes)}};
}

}  // namespace headroom::memory
