#include "memory/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/errors.h"

namespace headroom::memory {

namespace {

constexpr double kReserveShare = 0.05;
constexpr Bytes kLeastReserve = 8_MiB;

/// The counts that the phases multiply with.
struct Tokens {
  std::uint64_t batch = 0;
  std::uint64_t prefix = 0;    ///< of the group's pictures
  std::uint64_t question = 0;  ///< of the longest text
  std::uint64_t answer = 0;

  std::uint64_t whole() const { return prefix + question + answer; }
};

Tokens count(const Geometry& geometry, const Workload& workload) {
  Tokens tokens;
  tokens.batch = std::max(workload.batch, 1U);
  for (const PictureCost& picture : workload.pictures) {
    tokens.prefix += picture.tokens;
  }
  tokens.question = workload.text_tokens;
  tokens.answer = workload.max_tokens;
  // No sequence grows beyond what the model takes; generation ends there.
  if (geometry.context_tokens != 0) {
    const std::uint64_t most = geometry.context_tokens;
    tokens.prefix = std::min(tokens.prefix, most);
    tokens.question = std::min(tokens.question, most - tokens.prefix);
    tokens.answer = std::min(tokens.answer, most - tokens.prefix - tokens.question);
  }
  return tokens;
}

/// Collects the parts of one phase.
class PhaseBuilder {
 public:
  PhaseBuilder(Phase phase, const Geometry& geometry, const Workload& workload)
      : device_(workload.counter == Counter::kDevice) {
    plan_.phase = phase;
    add(PartKind::kSupervisor, workload.supervisor, "", device_);
    const bool loaded = phase != Phase::kLoad;
    add(PartKind::kEngine,
        geometry.engine + (loaded ? geometry.engine_growth : Bytes()),
        "process and libraries",
        device_);
    add(PartKind::kWeights,
        geometry.weights,
        fmt::format("{} parameters in {}", geometry.parameters, geometry.dtype));
  }

  void add(PartKind kind, Bytes bytes, std::string detail, bool on_host = false) {
    if (bytes > Bytes()) {
      plan_.parts.push_back({kind, bytes, on_host, std::move(detail)});
    }
  }

  /// Decoded pixels, always in the host's memory.
  void add_pictures(const Workload& workload, std::uint64_t copies) {
    Bytes decode;
    for (const PictureCost& picture : workload.pictures) {
      decode += picture.decode;
    }
    add(PartKind::kPictureDecode,
        decode * copies,
        fmt::format("{} pictures{}", workload.pictures.size(), copies > 1 ? ", and the next" : ""),
        device_);
  }

  void add_features(const Workload& workload) {
    Bytes features;
    for (const PictureCost& picture : workload.pictures) {
      features += picture.features;
    }
    add(PartKind::kFeatures, features, fmt::format("{} pictures", workload.pictures.size()));
  }

  void add_prefix_kv(const Geometry& geometry, const Workload& workload, const Tokens& tokens) {
    const std::uint64_t copies = workload.share_prefix ? 1 : tokens.batch;
    add(PartKind::kPrefixKv,
        geometry.kv_per_token * tokens.prefix * copies,
        fmt::format("{} tokens x {}", tokens.prefix, copies));
  }

  void add_question_kv(const Geometry& geometry, const Tokens& tokens, std::uint64_t each) {
    add(PartKind::kQuestionKv,
        geometry.kv_per_token * each * tokens.batch,
        fmt::format("{} tokens x {}", each, tokens.batch));
  }

  /// One forward pass: `fresh` new tokens in all, each looking at `cached` ones.
  void add_forward(const Geometry& geometry, std::uint64_t fresh, std::uint64_t cached) {
    add(PartKind::kActivations,
        geometry.prefill_per_token * fresh,
        fmt::format("{} new tokens", fresh));
    add(PartKind::kScores,
        geometry.scores_per_token_pair * fresh * cached,
        fmt::format("{} x {} tokens", fresh, cached));
  }

  void add_logits(const Geometry& geometry, const Tokens& tokens) {
    add(PartKind::kLogits,
        geometry.logits_per_row * tokens.batch,
        fmt::format("{} rows", tokens.batch));
  }

  PhasePlan take() { return std::move(plan_); }

 private:
  bool device_;
  PhasePlan plan_;
};

std::uint64_t chunked(const Workload& workload, std::uint64_t fresh) {
  return workload.prefill_chunk == 0 ? fresh
                                     : std::min<std::uint64_t>(fresh, workload.prefill_chunk);
}

PhasePlan load_phase(const Geometry& geometry, const Workload& workload) {
  PhaseBuilder phase(Phase::kLoad, geometry, workload);
  phase.add(PartKind::kLoadStaging, geometry.load_staging, "beside the weights");
  return phase.take();
}

PhasePlan encode_phase(const Geometry& geometry, const Workload& workload) {
  PhaseBuilder phase(Phase::kEncode, geometry, workload);
  phase.add_pictures(workload, workload.decode_ahead ? 2 : 1);
  phase.add_features(workload);
  if (const PictureCost* largest = largest_picture(workload.pictures)) {
    phase.add(PartKind::kVision,
              largest->encode,
              fmt::format("{} x {}, {} tiles", largest->width, largest->height, largest->tiles));
  }
  return phase.take();
}

/// The pictures' prefix, once for all questions.
PhasePlan prefix_stage(const Geometry& geometry, const Workload& workload, const Tokens& tokens) {
  PhaseBuilder phase(Phase::kPrefill, geometry, workload);
  phase.add_pictures(workload, workload.decode_ahead ? 1 : 0);
  phase.add_features(workload);
  phase.add_prefix_kv(geometry, workload, tokens);
  phase.add_forward(geometry, chunked(workload, tokens.prefix), tokens.prefix);
  return phase.take();
}

PhasePlan question_stage(const Geometry& geometry, const Workload& workload, const Tokens& tokens) {
  PhaseBuilder phase(Phase::kPrefill, geometry, workload);
  phase.add_pictures(workload, workload.decode_ahead ? 1 : 0);
  phase.add_prefix_kv(geometry, workload, tokens);
  phase.add_question_kv(geometry, tokens, tokens.question);
  std::uint64_t fresh = tokens.question * tokens.batch;
  if (!workload.share_prefix) {
    phase.add_features(workload);
    fresh += tokens.prefix * tokens.batch;
  }
  phase.add_forward(geometry, chunked(workload, fresh), tokens.prefix + tokens.question);
  phase.add_logits(geometry, tokens);
  return phase.take();
}

PhasePlan prefill_phase(const Geometry& geometry, const Workload& workload, const Tokens& tokens) {
  PhasePlan question = question_stage(geometry, workload, tokens);
  if (!workload.share_prefix || tokens.prefix == 0) {
    return question;
  }
  PhasePlan prefix = prefix_stage(geometry, workload, tokens);
  return prefix.total() > question.total() ? prefix : question;
}

PhasePlan decode_phase(const Geometry& geometry, const Workload& workload, const Tokens& tokens) {
  PhaseBuilder phase(Phase::kDecode, geometry, workload);
  phase.add_pictures(workload, workload.decode_ahead ? 1 : 0);
  phase.add_prefix_kv(geometry, workload, tokens);
  phase.add_question_kv(geometry, tokens, tokens.question + tokens.answer);
  phase.add_forward(geometry, tokens.batch, tokens.whole());
  phase.add_logits(geometry, tokens);
  return phase.take();
}

bool transient(PartKind kind) {
  return kind == PartKind::kVision || kind == PartKind::kActivations || kind == PartKind::kScores ||
         kind == PartKind::kLogits;
}

/// What a phase frees at its end may stay in the allocator's cache while the others run.
void add_cache(std::vector<PhasePlan>& phases, Bytes most) {
  std::vector<Bytes> freed;
  for (const PhasePlan& phase : phases) {
    Bytes sum;
    for (const PlanPart& part : phase.parts) {
      sum += transient(part.kind) ? part.bytes : Bytes();
    }
    freed.push_back(sum);
  }
  for (std::size_t at = 0; at < phases.size(); ++at) {
    if (phases[at].phase == Phase::kLoad) {
      continue;  // nothing has been freed yet
    }
    Bytes others;
    for (std::size_t other = 0; other < phases.size(); ++other) {
      others = other == at ? others : std::max(others, freed[other]);
    }
    const Bytes cache = std::min(most, others);
    if (cache > Bytes()) {
      phases[at].parts.push_back({PartKind::kCache, cache, false, "kept for reuse"});
    }
  }
}

}  // namespace

const PictureCost* largest_picture(const std::vector<PictureCost>& pictures) {
  const auto largest = std::max_element(
      pictures.begin(), pictures.end(), [](const PictureCost& a, const PictureCost& b) {
        return std::pair(a.encode, a.tokens) < std::pair(b.encode, b.tokens);
      });
  return largest == pictures.end() ? nullptr : &*largest;
}

std::string_view to_string(PartKind kind) {
  constexpr std::array<std::string_view, 13> kNames = {"supervisor",
                                                       "engine",
                                                       "weights",
                                                       "load staging",
                                                       "picture decode",
                                                       "vision",
                                                       "features",
                                                       "prefix KV",
                                                       "question KV",
                                                       "activations",
                                                       "attention scores",
                                                       "logits",
                                                       "allocator cache"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string_view to_string(Phase phase) {
  constexpr std::array<std::string_view, 4> kNames = {"load", "encode", "prefill", "decode"};
  return kNames.at(static_cast<std::size_t>(phase));
}

Bytes PhasePlan::total() const {
  Bytes sum;
  for (const PlanPart& part : parts) {
    sum += part.on_host ? Bytes() : part.bytes;
  }
  return sum;
}

Bytes PhasePlan::host() const {
  Bytes sum;
  for (const PlanPart& part : parts) {
    sum += part.on_host ? part.bytes : Bytes();
  }
  return sum;
}

const PhasePlan& Plan::worst() const {
  if (phases.empty()) {
    throw InternalError("plan: has no phases; make_plan makes plans");
  }
  return *std::max_element(phases.begin(), phases.end(), [](const auto& a, const auto& b) {
    return a.total() < b.total();
  });
}

Bytes Plan::host_peak() const {
  Bytes peak;
  for (const PhasePlan& phase : phases) {
    peak = std::max(peak, phase.host());
  }
  return peak;
}

const PlanPart& Plan::largest_part() const {
  const PhasePlan& phase = worst();
  const auto largest = std::max_element(
      phase.parts.begin(), phase.parts.end(), [](const PlanPart& a, const PlanPart& b) {
        return std::pair(!a.on_host, a.bytes) < std::pair(!b.on_host, b.bytes);
      });
  if (largest == phase.parts.end()) {
    throw InternalError("plan: the worst phase has no parts");
  }
  return *largest;
}

Plan make_plan(const Geometry& geometry, const Workload& workload) {
  const Tokens tokens = count(geometry, workload);
  Plan plan;
  plan.geometry = geometry;
  plan.workload = workload;
  plan.phases.push_back(load_phase(geometry, workload));
  if (!workload.pictures.empty()) {
    plan.phases.push_back(encode_phase(geometry, workload));
  }
  plan.phases.push_back(prefill_phase(geometry, workload, tokens));
  plan.phases.push_back(decode_phase(geometry, workload, tokens));
  add_cache(plan.phases, workload.allocator_cache);
  plan.reserve = std::max(kLeastReserve, scaled(plan.planned_peak(), kReserveShare));
  return plan;
}

}  // namespace headroom::memory
