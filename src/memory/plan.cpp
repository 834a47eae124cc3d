#include "memory/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/errors.h"
#include "plan_phases.h"

namespace headroom::memory {

namespace {

constexpr double kReserveShare = 0.05;
constexpr Bytes kLeastReserve = 2_MiB;

/// The counts that the phases multiply with.
struct Tokens {
  std::uint64_t batch = 0;
  std::uint64_t prefix = 0;    ///< of the group's pictures, and text that all questions begin with
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
  const std::uint32_t shared = shared_text(workload);
  tokens.prefix += shared;
  tokens.question = workload.text_tokens - shared;
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

/// What all phases are made from.
struct Inputs {
  const Geometry& geometry;
  const Workload& workload;
  Tokens tokens;
  bool describe;

  bool quantised() const {
    return workload.kv_quantised && geometry.kv_per_token_quantised > Bytes();
  }

  Bytes kv_per_token() const {
    return quantised() ? geometry.kv_per_token_quantised : geometry.kv_per_token;
  }
};

/// Processed pictures that have not been encoded.
Bytes waiting(const std::vector<PictureCost>& pictures) {
  Bytes sum;
  for (const PictureCost& picture : pictures) {
    sum += picture.pixels;
  }
  return sum;
}

/// Collects the parts of one phase.
class PhaseBuilder {
 public:
  PhaseBuilder(Phase phase, const Inputs& in)
      : in_(in), device_(in.workload.counter == Counter::kDevice) {
    plan_.phase = phase;
    const Geometry& model = in.geometry;
    const bool loaded = phase != Phase::kLoad;
    add(PartKind::kSupervisor, in.workload.supervisor, device_, "");
    add(PartKind::kEngine,
        model.engine + (loaded ? model.engine_growth : Bytes()),
        device_,
        "process and libraries");
    add(PartKind::kWeights,
        saturating_minus(model.weights, released(phase)),
        false,
        "{} parameters in {}",
        model.parameters,
        model.dtype);
    const Bytes retained = released(phase) > Bytes() ? in.workload.retained : Bytes();
    add(PartKind::kBeyond, in.workload.beyond + retained, false, "measured at rest");
    add_reserved(model.reserved, loaded);
  }

  /// The detail is written only where somebody will read it: plans are also made to be compared.
  template <typename... Args>
  void add(PartKind kind,
           Bytes bytes,
           bool on_host,
           fmt::format_string<const Args&...> detail,
           const Args&... args) {
    if (bytes > Bytes()) {
      plan_.parts.push_back(
          {kind, bytes, on_host, in_.describe ? fmt::format(detail, args...) : std::string()});
    }
  }

  /// This group's pictures while they are decoded, alone: the next group's wait for them.
  void add_own_decoding() {
    add(PartKind::kPictureDecode, decoding(in_.workload.pictures), device_, "this group's");
  }

  /// Pictures of this group that wait to be encoded, and of the next, which are being decoded;
  /// always in the host's memory.
  void add_pictures(bool this_group, bool next_group) {
    Bytes bytes;
    if (next_group) {
      bytes += decoding(in_.workload.ahead.value_or(in_.workload.pictures));
    }
    if (this_group) {
      bytes += waiting(in_.workload.pictures);
    }
    add(PartKind::kPictureDecode,
        bytes,
        device_,
        "pictures of {} groups",
        (this_group ? 1 : 0) + (next_group ? 1 : 0));
  }

  void add_features() {
    Bytes features;
    for (const PictureCost& picture : in_.workload.pictures) {
      features += picture.features;
    }
    add(PartKind::kFeatures, features, false, "{} pictures", in_.workload.pictures.size());
  }

  void add_prefix_kv() {
    const std::uint64_t copies = in_.workload.share_prefix ? 1 : in_.tokens.batch;
    add(PartKind::kPrefixKv,
        in_.kv_per_token() * in_.tokens.prefix * copies,
        false,
        "{} tokens x {}",
        in_.tokens.prefix,
        copies);
  }

  void add_question_kv(std::uint64_t each) {
    add(PartKind::kQuestionKv,
        in_.kv_per_token() * each * in_.tokens.batch,
        false,
        "{} tokens x {}",
        each,
        in_.tokens.batch);
  }

  /// One forward pass of `rows` sequences: `fresh` new tokens in all, at most `longest` of them of
  /// one sequence, each looking at `cached` ones.
  void add_forward(std::uint64_t fresh,
                   std::uint64_t longest,
                   std::uint64_t cached,
                   std::uint64_t rows) {
    Bytes copied = kv_repeated_per_token() * cached * rows;
    if (in_.quantised()) {
      copied += in_.geometry.kv_dequantised_per_token * cached * rows;
    }
    if (in_.workload.share_prefix) {
      copied += in_.geometry.kv_copied_per_token * cached * rows;
    }
    add(PartKind::kActivations,
        in_.geometry.prefill_per_token * fresh + copied,
        false,
        "{} new tokens",
        fresh);
    const std::uint64_t most = in_.geometry.score_tokens;
    const std::uint64_t scored = most == 0 ? fresh : std::min({fresh, longest, most});
    add(PartKind::kScores,
        in_.geometry.scores_per_token_pair * scored * cached,
        false,
        "{} x {} tokens",
        scored,
        cached);
  }

  void add_logits() {
    add(PartKind::kLogits,
        in_.geometry.logits_per_row * in_.tokens.batch,
        false,
        "{} rows",
        in_.tokens.batch);
  }

  PhasePlan take() { return std::move(plan_); }

 private:
  void add_reserved(const ReservedMemory& reserved, bool used) {
    add(PartKind::kReservedKv,
        reserved.kv,
        false,
        "{} slots x {} tokens",
        reserved.slots,
        in_.geometry.context_tokens);
    if (used) {
      add(PartKind::kReservedCompute, reserved.compute, false, "of a pass");
      add(PartKind::kReservedVision, reserved.vision, false, "of the largest picture");
    }
  }

  Bytes kv_repeated_per_token() const {
    return plan_.phase == Phase::kDecode ? in_.geometry.kv_repeated_decoding_per_token
                                         : in_.geometry.kv_repeated_per_token;
  }

  Bytes released(Phase phase) const {
    const bool without = phase == Phase::kPrefill || phase == Phase::kDecode;
    return without && in_.workload.release_vision ? in_.geometry.vision_weights : Bytes();
  }

  const Inputs& in_;
  bool device_;
  PhasePlan plan_;
};

/// Of `fresh` new tokens, those of the longest pass.
std::uint64_t chunked(const Inputs& in, std::uint64_t fresh) {
  if (in.workload.prefill_chunk == 0 || !in.geometry.prefills_in_chunks) {
    return fresh;
  }
  const std::uint64_t beyond = in.geometry.block_tokens > 0 ? in.geometry.block_tokens - 1 : 0;
  return std::min(fresh, in.workload.prefill_chunk + beyond);
}

PhasePlan load_phase(const Inputs& in) {
  PhaseBuilder phase(Phase::kLoad, in);
  phase.add(PartKind::kLoadStaging, in.geometry.load_staging, false, "beside the weights");
  return phase.take();
}

PhasePlan decode_stage(const Inputs& in) {
  PhaseBuilder phase(Phase::kEncode, in);
  phase.add_own_decoding();
  return phase.take();
}

PhasePlan vision_stage(const Inputs& in) {
  PhaseBuilder phase(Phase::kEncode, in);
  phase.add_pictures(true, in.workload.decode_ahead);
  phase.add_features();
  const PictureCost* largest = largest_picture(in.workload.pictures);
  // A released tower is read again before the first picture is encoded.
  const Bytes reading = in.workload.release_vision ? in.geometry.load_staging : Bytes();
  // Of what an engine keeps for it anyway only more than that is new.
  const Bytes encoding =
      largest == nullptr ? Bytes() : saturating_minus(largest->encode, in.geometry.reserved.vision);
  if (largest != nullptr && encoding < reading) {
    phase.add(PartKind::kLoadStaging, reading, false, "the vision tower is read again");
  } else if (largest != nullptr) {
    phase.add(PartKind::kVision,
              encoding,
              false,
              "{} x {}, {} tiles",
              largest->width,
              largest->height,
              largest->tiles);
  }
  return phase.take();
}

/// The worse of decoding this group's pictures and encoding them. Of a device's memory decoding
/// takes nothing: there the host's part is that of the worse.
PhasePlan encode_phase(const Inputs& in) {
  PhasePlan vision = vision_stage(in);
  if (in.workload.decoded) {
    return vision;
  }
  PhasePlan decode = decode_stage(in);
  if (in.workload.counter == Counter::kFootprint) {
    return decode.total() > vision.total() ? decode : vision;
  }
  if (decode.host() > vision.host()) {
    std::erase_if(vision.parts, [](const PlanPart& part) { return part.on_host; });
    std::copy_if(decode.parts.begin(),
                 decode.parts.end(),
                 std::back_inserter(vision.parts),
                 [](const PlanPart& part) { return part.on_host; });
  }
  return vision;
}

/// The pictures' prefix, once for all questions.
PhasePlan prefix_stage(const Inputs& in) {
  PhaseBuilder phase(Phase::kPrefill, in);
  phase.add_pictures(false, in.workload.decode_ahead);
  phase.add_features();
  phase.add_prefix_kv();
  phase.add_forward(chunked(in, in.tokens.prefix), in.tokens.prefix, in.tokens.prefix, 1);
  return phase.take();
}

PhasePlan question_stage(const Inputs& in) {
  const Tokens& tokens = in.tokens;
  PhaseBuilder phase(Phase::kPrefill, in);
  phase.add_pictures(false, in.workload.decode_ahead);
  phase.add_prefix_kv();
  phase.add_question_kv(tokens.question + tokens.answer);  // room for the answers is made here
  std::uint64_t longest = tokens.question;
  if (!shares_prefix(in.workload)) {
    phase.add_features();
    longest += tokens.prefix;
  }
  phase.add_forward(
      chunked(in, longest * tokens.batch), longest, tokens.prefix + tokens.question, tokens.batch);
  phase.add_logits();
  return phase.take();
}

/// The cache of the turn before becomes this one's, layer by layer.
PhasePlan taking_over_stage(const Inputs& in) {
  PhaseBuilder phase(Phase::kPrefill, in);
  phase.add_pictures(false, in.workload.decode_ahead);
  phase.add_prefix_kv();
  phase.add_question_kv(in.tokens.question + in.tokens.answer);
  phase.add(PartKind::kActivations,
            in.geometry.kv_moved_per_token * in.tokens.whole(),
            false,
            "one layer's keys of {} tokens, moved",
            in.tokens.whole());
  return phase.take();
}

PhasePlan prefill_phase(const Inputs& in) {
  PhasePlan question = question_stage(in);
  if (in.workload.continues) {
    PhasePlan taking = taking_over_stage(in);
    question = taking.total() > question.total() ? std::move(taking) : std::move(question);
  }
  if (!shares_prefix(in.workload) || in.tokens.prefix == 0) {
    return question;
  }
  PhasePlan prefix = prefix_stage(in);
  return prefix.total() > question.total() ? prefix : question;
}

PhasePlan decode_phase(const Inputs& in) {
  PhaseBuilder phase(Phase::kDecode, in);
  phase.add_pictures(false, in.workload.decode_ahead);
  phase.add_prefix_kv();
  phase.add_question_kv(in.tokens.question + in.tokens.answer);
  phase.add_forward(in.tokens.batch, 1, in.tokens.whole(), in.tokens.batch);
  phase.add_logits();
  return phase.take();
}

bool transient(PartKind kind) {
  return kind == PartKind::kVision || kind == PartKind::kActivations || kind == PartKind::kScores ||
         kind == PartKind::kLogits;
}

Bytes freed_by(const PhasePlan& phase) {
  Bytes sum;
  for (const PlanPart& part : phase.parts) {
    sum += transient(part.kind) ? part.bytes : Bytes();
  }
  return sum;
}

/// `encoding`: what encoding frees, also where decoding is the worse of the two. What a phase frees
/// at its end may stay in the allocator's cache while the others run. Where the vision tower is
/// released, the cache is given back before and after pictures are encoded.
void add_cache(std::vector<PhasePlan>& phases,
               Bytes most,
               Bytes encoding,
               bool encode_apart,
               Counter counter) {
  std::vector<Bytes> freed;
  for (const PhasePlan& phase : phases) {
    const Bytes sum = freed_by(phase);
    freed.push_back(phase.phase == Phase::kEncode ? std::max(sum, encoding) : sum);
  }
  for (std::size_t at = 0; at < phases.size(); ++at) {
    if (phases[at].phase == Phase::kLoad) {
      continue;  // nothing has been freed yet
    }
    Bytes others;
    for (std::size_t other = 0; other < phases.size(); ++other) {
      const bool apart = encode_apart && (phases[at].phase == Phase::kEncode ||
                                          phases[other].phase == Phase::kEncode);
      others = other == at || apart ? others : std::max(others, freed[other]);
    }
    // A device's allocator keeps blocks of all sizes until its limit is full.
    const Bytes cache = counter == Counter::kDevice ? most : std::min(most, others);
    if (cache > Bytes()) {
      phases[at].parts.push_back({PartKind::kCache, cache, false, "kept for reuse"});
    }
  }
}

}  // namespace

const PictureCost* largest_picture(const std::vector<PictureCost>& pictures) {
  const auto largest = std::max_element(
      pictures.begin(), pictures.end(), [](const PictureCost& a, const PictureCost& b) {
        return std::tie(a.encode, a.tokens, a.decode) < std::tie(b.encode, b.tokens, b.decode);
      });
  return largest == pictures.end() ? nullptr : &*largest;
}

bool shares_prefix(const Workload& workload) { return workload.share_prefix && workload.batch > 1; }

std::uint32_t shared_text(const Workload& workload) {
  return shares_prefix(workload) ? std::min(workload.shared_text_tokens, workload.text_tokens) : 0;
}

Bytes decoding(const std::vector<PictureCost>& pictures) {
  Bytes most;
  for (const PictureCost& picture : pictures) {
    most = std::max(most, saturating_minus(picture.decode, picture.pixels));
  }
  return waiting(pictures) + most;
}

std::string_view to_string(PartKind kind) {
  constexpr std::array<std::string_view, 17> names = {"supervisor",
                                                      "engine",
                                                      "weights",
                                                      "beyond the plan",
                                                      "load staging",
                                                      "picture decode",
                                                      "vision",
                                                      "features",
                                                      "prefix KV",
                                                      "question KV",
                                                      "activations",
                                                      "attention scores",
                                                      "logits",
                                                      "allocator cache",
                                                      "KV cache",
                                                      "compute buffers",
                                                      "vision buffers"};
  return names.at(static_cast<std::size_t>(kind));
}

std::string_view to_string(Phase phase) {
  constexpr std::array<std::string_view, 4> names = {"load", "encode", "prefill", "decode"};
  return names.at(static_cast<std::size_t>(phase));
}

Bytes PhasePlan::total() const {
  Bytes sum;
  for (const PlanPart& part : parts) {
    sum += part.on_host ? Bytes() : part.bytes;
  }
  return sum;
}

Bytes PhasePlan::of(std::initializer_list<PartKind> kinds) const {
  Bytes sum;
  for (const PlanPart& part : parts) {
    const bool counts = std::find(kinds.begin(), kinds.end(), part.kind) != kinds.end();
    sum += counts && !part.on_host ? part.bytes : Bytes();
  }
  return sum;
}

Bytes PhasePlan::taken_by_passes() const {
  return of({PartKind::kVision,
             PartKind::kFeatures,
             PartKind::kPrefixKv,
             PartKind::kQuestionKv,
             PartKind::kActivations,
             PartKind::kScores,
             PartKind::kLogits});
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

Bytes Plan::arrays_peak() const {
  Bytes peak;
  for (const PhasePlan& phase : phases) {
    const Bytes arrays =
        phase.of({PartKind::kWeights, PartKind::kLoadStaging}) + phase.taken_by_passes();
    peak = phase.phase == Phase::kLoad ? peak : std::max(peak, arrays);
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

std::vector<PhasePlan> plan_phases(const Geometry& geometry,
                                   const Workload& workload,
                                   bool describe) {
  const Inputs in{geometry, workload, count(geometry, workload), describe};
  std::vector<PhasePlan> phases;
  phases.push_back(load_phase(in));
  if (!workload.pictures.empty()) {
    phases.push_back(encode_phase(in));
  }
  phases.push_back(prefill_phase(in));
  phases.push_back(decode_phase(in));
  const Bytes encoding = workload.pictures.empty() ? Bytes() : freed_by(vision_stage(in));
  add_cache(phases, workload.allocator_cache, encoding, workload.release_vision, workload.counter);
  return phases;
}

Bytes plan_reserve(Bytes peak) { return std::max(kLeastReserve, scaled(peak, kReserveShare)); }

Plan make_plan(const Geometry& geometry, const Workload& workload, bool describe) {
  Plan plan;
  plan.geometry = geometry;
  plan.geometry.pictures.clear();
  plan.workload = workload;
  plan.phases = plan_phases(geometry, workload, describe);
  plan.reserve = plan_reserve(plan.planned_peak());
  return plan;
}

}  // namespace headroom::memory
