#include "fitting.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/grouped.h"
#include "images/decode.h"
#include "memory/device_cache.h"

namespace headroom::cli {

namespace {

memory::Counter counter_of(const worker::Hello& hello) {
  return hello.device.starts_with("cuda") ? memory::Counter::kDevice : memory::Counter::kFootprint;
}

/// On a CPU the engine's own figure: more makes a run no faster there (engine/counters.h).
constexpr Bytes kCpuCache = 4_MiB;

/// Longest sides that pictures are tried at, finer where they are usual.
std::vector<std::uint32_t> sides_to_try() {
  std::vector<std::uint32_t> sides;
  for (std::uint32_t side = 64; side <= 16384; side += side < 2048   ? 64U
                                                       : side < 8192 ? 256U
                                                                     : 512U) {
    sides.push_back(side);
  }
  return sides;
}

/// What the largest picture would cost at smaller sides, for the advice of a refusal.
std::vector<memory::SmallerPicture> smaller_pictures(const worker::PlanRequest& request,
                                                     const std::vector<worker::PictureSize>& sizes,
                                                     backends::Backend& backend) {
  std::uint32_t largest = 0;
  for (const worker::PictureSize& size : sizes) {
    largest = std::max({largest, size.width, size.height});
  }
  const std::uint32_t limit = request.max_image_side == 0 ? largest : request.max_image_side;
  std::vector<memory::SmallerPicture> smaller;
  for (const std::uint32_t side : {1024U, 768U, 512U, 384U, 256U}) {
    if (side >= std::min(largest, limit)) {
      continue;
    }
    worker::PlanRequest other = request;
    other.max_image_side = side;
    const memory::Geometry geometry = backend.plan(other);
    if (const auto* const cost = memory::largest_picture(geometry.pictures)) {
      smaller.push_back({side, *cost});
    }
  }
  return smaller;
}

std::vector<std::vector<memory::PictureCost>> costs_of_sets(
    const run::WorkloadFacts& facts, const std::vector<memory::PictureCost>& costs) {
  std::vector<std::vector<memory::PictureCost>> sets;
  for (const std::vector<std::size_t>& indices : facts.picture_sets) {
    std::vector<memory::PictureCost>& set = sets.emplace_back();
    for (const std::size_t index : indices) {
      set.push_back(costs.at(index));
    }
  }
  return sets;
}

/// For an engine that takes its memory when it loads: what the budget leaves beside this process,
/// with the pictures that it holds of one group and the next.
backends::Sizing sizing_of(const run::Specification& spec,
                           const run::WorkloadFacts& facts,
                           const memory::Budget& budget,
                           const memory::Reading& reading) {
  Bytes pictures;
  for (const std::vector<std::size_t>& set : facts.picture_sets) {
    Bytes sum;
    for (const std::size_t index : set) {
      sum += facts.sizes.at(index).decode;
    }
    pictures = std::max(pictures, sum);
  }
  const Bytes own = reading.supervisor_footprint.value_or(Bytes()) + pictures * 2;
  const Bytes planned = saturating_minus(budget.limit, memory::plan_reserve(budget.limit));
  backends::Sizing sizing{saturating_minus(planned, own), {}, spec.max_tokens, facts.picture_sets};
  for (const auto& [tokens, count] : facts.text_tokens) {
    sizing.text_tokens.push_back(tokens);
  }
  return sizing;
}

/// What an engine that takes its memory when it loads would need for shorter answers and smaller
/// pictures, which are a smaller context and smaller buffers.
std::vector<std::vector<memory::Change>> resized(const run::Specification& spec,
                                                 const worker::PlanRequest& request,
                                                 const backends::Sizing& sizing,
                                                 const memory::Plan& plan,
                                                 backends::Backend& backend) {
  const auto needs = [&](const worker::PlanRequest& other, std::uint32_t max_tokens) {
    backends::Sizing smaller = sizing;
    smaller.max_tokens = max_tokens;
    smaller.memory = Bytes();  // the least that answers
    backend.size_for(other, smaller);
    const memory::Geometry geometry = backend.plan(other);
    memory::Workload workload = plan.workload;
    workload.max_tokens = max_tokens;
    if (const auto* const cost = memory::largest_picture(geometry.pictures)) {
      std::fill(workload.pictures.begin(), workload.pictures.end(), *cost);
    }
    return memory::make_plan(geometry, workload).required();
  };
  std::vector<std::vector<memory::Change>> all(2);
  for (std::uint32_t tokens = spec.max_tokens / 2; tokens > 0; tokens /= 2) {
    all[0].push_back({fmt::format("--max-tokens {}", tokens), needs(request, tokens)});
  }
  const auto* const largest = memory::largest_picture(plan.workload.pictures);
  const std::uint32_t side = largest == nullptr ? 0 : std::max(largest->width, largest->height);
  worker::PlanRequest other = request;
  for (const std::uint32_t limit : {1024U, 768U, 512U, 384U, 256U}) {
    other.max_image_side = limit;
    if (limit < side && (request.max_image_side == 0 || limit < request.max_image_side)) {
      all[1].push_back({fmt::format("--max-image-side {}", limit), needs(other, spec.max_tokens)});
    }
  }
  backend.size_for(request, sizing);
  return all;
}

}  // namespace

Fitting fit(const run::Specification& spec,
            const run::ModelSpec& model,
            const run::WorkloadFacts& facts,
            backends::Backend& backend,
            memory::MemorySource& source) {
  const worker::Hello& hello = backend.hello();
  const memory::Counter counter = counter_of(hello);
  const memory::Reading reading = memory::merged(source.read(), hello.reading);
  Fitting fitting;
  fitting.budget = memory::resolve_budget(memory::parse_budget(spec.memory), reading, counter);

  const worker::PlanRequest request{model.folder, model.dtype, facts.sizes, spec.max_image_side};
  const backends::Sizing sizing = sizing_of(spec, facts, fitting.budget, reading);
  backend.size_for(request, sizing);
  const memory::Geometry geometry = backend.plan(request);
  memory::Workload workload;
  workload.batch = std::max(1U, facts.largest_group);
  if (spec.batch != 0) {
    workload.batch = std::min(workload.batch, spec.batch);
  }
  workload.text_tokens = facts.longest_text(geometry.context_tokens);
  fitting.longer_texts = facts.longer_texts(geometry.context_tokens);
  workload.max_tokens = spec.max_tokens;
  workload.prefill_chunk = spec.prefill_chunk;
  workload.share_prefix = spec.share_prefix && facts.share_prefix && geometry.shares_prefix;
  workload.supervisor = reading.supervisor_footprint.value_or(Bytes());
  workload.counter = counter;
  if (model.engine == "server" || model.engine == "gguf") {
    workload.allocator_cache = Bytes();  // a server keeps none that is ours to plan
  } else if (hello.device == "cpu") {
    workload.allocator_cache = std::min(workload.allocator_cache, kCpuCache);
  }
  workload.smaller = smaller_pictures(request, facts.sizes, backend);
  memory::Coverage coverage = memory::cover(geometry,
                                            workload,
                                            costs_of_sets(facts, geometry.pictures),
                                            memory::parse_allowed(spec.allow),
                                            fitting.budget);
  fitting.plan = counter == memory::Counter::kDevice && coverage.refused < coverage.sets
                     ? memory::with_device_cache(coverage.plan, fitting.budget)
                     : std::move(coverage.plan);
  fitting.admission = memory::admit(fitting.plan, fitting.budget);
  if (!fitting.admission.fits && geometry.reserved.kv > Bytes()) {
    fitting.admission = memory::admit(
        fitting.plan, fitting.budget, resized(spec, request, sizing, fitting.plan, backend));
  }
  fitting.picture_sets = coverage.sets;
  fitting.refused_sets = coverage.refused;
  if (coverage.hardest_refused) {
    fitting.refused = memory::admit(*coverage.hardest_refused, fitting.budget);
  }
  return fitting;
}

memory::Largest largest_of(const run::Specification& spec,
                           const run::ModelSpec& model,
                           const Fitting& fitting,
                           backends::Backend& backend) {
  memory::Workload workload = fitting.plan.workload;
  workload.allocator_cache = std::min(workload.allocator_cache, memory::kLeastCache);
  worker::PlanRequest request{model.folder, model.dtype, {}, spec.max_image_side};
  if (const auto* const shape = memory::largest_picture(workload.pictures)) {
    const double longest = std::max(shape->width, shape->height);
    for (const std::uint32_t side : sides_to_try()) {
      const auto scaled = [&](std::uint32_t length) {
        return std::max(1U, static_cast<std::uint32_t>(std::lround(length * (side / longest))));
      };
      const worker::PictureSize size{scaled(shape->width), scaled(shape->height), {}};
      if (std::uint64_t{size.width} * size.height <= images::DecodeLimits().max_pixels) {
        request.pictures.push_back(size);
      }
    }
  }
  memory::Geometry geometry = backend.plan(request);
  geometry.reserved = fitting.plan.geometry.reserved;  // of the run's pictures, not of these
  return memory::largest_that_fit(geometry, workload, geometry.pictures, fitting.budget);
}

Json to_json(const Fitting& fitting) {
  Json json = {{"schema", "headroom.plan/1"},
               {"budget", memory::to_json(fitting.budget)},
               {"plan", memory::to_json(fitting.plan)},
               {"admission", memory::to_json(fitting.admission)},
               {"picture_sets", fitting.picture_sets},
               {"refused_picture_sets", fitting.refused_sets},
               {"longer_texts", fitting.longer_texts}};
  if (fitting.refused) {
    json["refused"] = memory::to_json(*fitting.refused);
  }
  return json;
}

std::string longer_text(const Fitting& fitting) {
  if (fitting.longer_texts == 0) {
    return {};
  }
  return fmt::format(
      "{}: the text is by estimate longer than the model's context of {} tokens; not planned for, "
      "and ends in E-CONTEXT where it is; shorten it",
      counted(fitting.longer_texts, "question"),
      grouped(fitting.plan.geometry.context_tokens));
}

std::string refused_text(const Fitting& fitting) {
  if (!fitting.refused || !fitting.admission.fits) {
    return {};
  }
  return fmt::format(
      "{} of {} sets of pictures do not fit; their questions end in the outcome memory. The "
      "hardest: {}",
      fitting.refused_sets,
      fitting.picture_sets,
      fitting.refused->text);
}

std::string fitting_text(const Fitting& fitting) {
  const memory::Plan& plan = fitting.plan;
  const memory::Geometry& geometry = plan.geometry;
  std::string text =
      fmt::format("family {}, {}, {:.1f} M parameters; batch {}{}\n",
                  geometry.family,
                  geometry.dtype,
                  static_cast<double>(geometry.parameters) / 1e6,
                  plan.workload.batch,
                  plan.workload.prefill_chunk == 0
                      ? ""
                      : fmt::format(", prefill chunk {}", plan.workload.prefill_chunk));
  for (const memory::PhasePlan& phase : plan.phases) {
    text += fmt::format("{:<8} {:>11}", memory::to_string(phase.phase), to_string(phase.total()));
    std::string separator = "  = ";
    for (const memory::PlanPart& part : phase.parts) {
      text +=
          fmt::format("{}{} {}", separator, memory::to_string(part.kind), to_string(part.bytes));
      separator = " + ";
    }
    text += "\n";
  }
  text += fmt::format("{:<8} {:>11}\n", "peak", to_string(plan.planned_peak()));
  text += fmt::format("{:<8} {:>11}\n", "reserve", to_string(plan.reserve));
  text += fmt::format(
      "{:<8} {:>11}  {}\n", "budget", to_string(fitting.budget.limit), fitting.budget.source);
  text += fmt::format(
      "{}: {}\n", fitting.admission.fits ? "fits" : "does not fit", fitting.admission.text);
  for (const std::string& line : {longer_text(fitting), refused_text(fitting)}) {
    text += line.empty() ? "" : line + "\n";
  }
  return text;
}

std::string largest_text(const memory::Largest& largest) {
  const std::string picture = largest.any_picture ? "any that is decoded"
                              : largest.picture_side
                                  ? fmt::format("{} pixels (longest side)", *largest.picture_side)
                                  : "none";
  return fmt::format("{:<8} picture: {}; batch: {}\n",
                     "largest",
                     picture,
                     largest.batch ? std::to_string(*largest.batch) : "none");
}

}  // namespace headroom::cli
