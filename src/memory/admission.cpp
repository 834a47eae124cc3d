#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "fitting_chunk.h"
#include "largest_good.h"
#include "memory/ladder.h"
#include "memory/plan.h"

namespace headroom::memory {

namespace {

/// Parts below this share of the whole are summed up as "other".
constexpr double kWorthNaming = 0.02;

bool fits(Bytes required, Bytes host_peak, const Budget& budget) {
  return required <= budget.limit && (!budget.host_capacity || host_peak <= *budget.host_capacity);
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

/// What is proposed leaves room: a plan begins with what the processes hold when it is made, and
/// the program that asks holds more in the run (8.0 MiB at the first plan, 9.6 MiB at the second,
/// with the journal open, 10.2 MiB by the last of 200 answers).
constexpr Bytes kLeastSpare = 4_MiB;
/// Of large budgets as a share: what an engine holds before a model differs from start to start.
constexpr double kSpareShare = 0.01;

Bytes spare(Bytes whole) { return std::max(scaled(whole, kSpareShare), kLeastSpare); }

Budget with_spare(Budget budget) {
  budget.limit = saturating_minus(budget.limit, spare(budget.limit));
  if (budget.host_capacity) {
    budget.host_capacity = saturating_minus(*budget.host_capacity, spare(*budget.host_capacity));
  }
  return budget;
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
    Workload workload = with_smallest_chunk(plan.geometry, plan.workload);
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
    return text + fmt::format(" ({} is left for what the program grows by in the run)",
                              to_string(spare(plan.required())));
  }
  return fmt::format(
      "; the machine can give {}: use a smaller model, {}, or a machine with {}",
      to_string(budget.capacity.value_or(budget.limit)),
      plan.geometry.reserved.kv > Bytes() ? "a smaller quantisation" : "--dtype bfloat16",
      to_string(plan.required()));
}

}  // namespace

Admission admit(const Plan& plan,
                const Budget& budget,
                const std::vector<std::vector<Change>>& resized) {
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
  const Budget proposed = with_spare(budget);
  propose_batch(plan, proposed, result.changes);
  propose_image_side(plan, proposed, result.changes);
  propose_max_tokens(plan, proposed, result.changes);
  for (const std::vector<Change>& kind : resized) {
    const auto good = std::find_if(kind.begin(), kind.end(), [&](const Change& change) {
      return change.needs <= proposed.limit;
    });
    if (good != kind.end()) {
      result.changes.push_back(*good);
    }
  }
  const Bytes enough = result.required + spare(result.required);
  if (over && (!budget.capacity || enough <= *budget.capacity)) {
    result.changes.push_back({"--memory " + size_flag(enough), result.required});
  }
  result.text += advice(plan, budget, result.changes);
  return result;
}

void require_fit(const Admission& admission) {
  if (!admission.fits) {
    throw BudgetError("E-MEM-PLAN", admission.text);
  }
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
               {"release_vision", plan.workload.release_vision},
               {"kv_quantised", plan.workload.kv_quantised},
               {"max_tokens", plan.workload.max_tokens},
               {"text_tokens", plan.workload.text_tokens},
               {"shared_text_tokens", plan.workload.shared_text_tokens},
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
