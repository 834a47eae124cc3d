#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/conversation.h"
#include "base/json.h"
#include "base/outcome.h"
#include "memory/geometry.h"
#include "memory/reading.h"

/// The worker contract, version 1: JSON-RPC 2.0, one message a line, over the child's standard
/// input and output. docs/reference/worker-contract.md is its text; these structures are its C++
/// face. Each has `Json to_json(const T&)` and `T from_json<T>(const Json&)`, below; reading
/// ignores unknown keys and throws InputError("E-CONTRACT") naming a missing or mistyped one.
namespace headroom::worker {

inline constexpr int kProtocolVersion = 1;

/// hello -> who the worker is.
struct Hello {
  int protocol = kProtocolVersion;
  std::string engine;          ///< "mlx"
  std::string engine_version;  ///< "0.32.4"
  std::string device;          ///< "cpu", "cuda: NVIDIA H100", "metal: Apple M3"
  std::string default_dtype;   ///< "float32" on CPUs, "bfloat16" on GPUs
  std::vector<std::string>
      capabilities;  ///< "batch", "logprobs", "prefix", "plan", "verify", "prepare"
  std::int64_t pid = 0;
  memory::Reading reading;  ///< before anything is loaded
};

/// A picture by file or by its encoded bytes (base64 on the wire).
struct PictureRef {
  std::string path;
  std::string bytes;
  std::string name;  ///< for messages
};

struct PictureSize {
  std::uint32_t width = 0;  ///< after orientation
  std::uint32_t height = 0;
  Bytes decode;  ///< held at the peak of its decoding, the file's own bytes included; 0: not known
};

/// plan -> memory::Geometry. Reads headers only; loads nothing. Throws like `load` for a checkpoint
/// that is wrong.
struct PlanRequest {
  std::string model;  ///< folder
  std::string dtype;  ///< empty: the engine's default
  std::vector<PictureSize> pictures;
  std::uint32_t max_image_side =
      0;                        ///< 0: no limit; longest side before the model's own processing
  std::uint32_t max_tiles = 0;  ///< as AskLimits::max_tiles
};

struct LoadRequest {
  std::string model;
  std::string dtype;
  std::optional<Bytes> memory_limit;  ///< allocator's throttle
  std::optional<Bytes> cache_limit;
  std::optional<WallTime> now;  ///< what chat templates are told; absent: the worker's clock
};

struct Loaded {
  std::string family;
  std::string dtype;
  std::uint64_t parameters = 0;
  Bytes weights;  ///< measured, in the allocator
  double seconds = 0;
  std::vector<std::string>
      notices;  ///< "template taken from tokenizer_config.json", ignored ids, …
  memory::Reading reading;
};

struct AskItem {
  std::string id;
  Conversation conversation;
  std::uint32_t max_tokens = 100;
  std::uint32_t top_log_probs = 0;  ///< 0: none; else the k best of each generated token
  bool want_prompt = false;         ///< return the rendered prompt and input ids
};

/// Limits of one group, set by the governor.
struct AskLimits {
  std::uint32_t batch = 0;          ///< most sequences decoded together; 0: no limit
  std::uint32_t prefill_chunk = 0;  ///< most new tokens of one forward pass; 0: no limit
  bool share_prefix = true;         ///< hold the pictures' prefix for all questions
  std::optional<Bytes> memory;      ///< the guard's limit on active bytes
  /// From so many active bytes on, a pass waits between layers for running work: on a GPU what was
  /// queued is held until it has run. Empty: it never waits.
  std::optional<Bytes> throttle;
  std::optional<Bytes> cache;   ///< most that the allocator keeps for reuse; empty: as it was
  double deadline_seconds = 0;  ///< for the whole group; 0: none
  /// The vision tower's weights are not held between this group's encode and the next encode.
  bool release_vision = false;
  /// Most tiles of one picture; 0: as the model's processor says. Changes answers.
  std::uint32_t max_tiles = 0;
  /// Of a number in the KV cache: 0: the model's dtype; 8: quantised. Changes answers.
  std::uint32_t kv_bits = 0;
  /// Keep the KV cache of this group's only sequence: the next ask may continue it.
  bool hold = false;
};

/// ask -> AskDone, after one `answer` notification for each item, in any order.
/// prepare (a notification with the same pictures) decodes them ahead in the background and asks
/// nothing.
struct AskRequest {
  std::string group;
  std::vector<PictureRef> pictures;
  std::uint32_t max_image_side = 0;
  std::vector<AskItem> items;
  AskLimits limits;
};

struct TokenLogProb {
  std::int32_t token = 0;
  double log_prob = 0;
  std::vector<std::pair<std::int32_t, double>> top;  ///< best first
};

/// Seconds spent, shared work divided evenly among the items of its group.
struct PhaseSeconds {
  double preprocess = 0;
  double encode = 0;
  double prefill = 0;
  double decode = 0;

  double total() const { return preprocess + encode + prefill + decode; }
};

struct Answer {
  std::string group;
  std::string id;
  Outcome outcome = Outcome::kModel;
  std::string text;        ///< only when answered; without stop markers, stripped
  std::string error;       ///< otherwise: what happened, where, the numbers
  std::string error_code;  ///< "E-IMG-TRUNCATED"
  std::vector<std::int32_t>
      token_ids;                     ///< generated, the stop token included when one was produced
  std::uint32_t counted_tokens = 0;  ///< generated, by a server's count; not in the contract
  bool stopped = false;              ///< by a stop token (else cut at max_tokens)
  std::uint32_t prompt_tokens = 0;
  std::uint32_t image_tokens = 0;
  std::uint32_t prefilled_tokens =
      0;  ///< new in this question; the shared prefix counts with its first question
  std::vector<TokenLogProb> log_probs;
  std::string prompt;  // when wanted
  std::vector<std::int32_t> input_ids;
  std::vector<std::string> picture_hashes;  ///< of the decoded pixels
  std::vector<std::string>
      notices;  ///< about this item's pictures: "16-bit grey reduced to its high byte"
  PhaseSeconds seconds;
  memory::Reading before;
  memory::Reading after;  ///< `peak` and `worker_footprint_peak` are the group's
  std::string rung;       ///< what was reduced, comma-separated; empty: nothing

  /// How many were generated; 0: not told.
  std::uint64_t generated_tokens() const {
    return token_ids.empty() ? counted_tokens : token_ids.size();
  }
};

struct AskDone {
  std::string group;
  std::uint32_t answered = 0;
  std::uint32_t failed = 0;
  std::optional<Bytes> walked_peak;  ///< most active bytes that a step was foreseen to reach
  Bytes held;                        ///< KV cache kept for the next turn (AskLimits::hold)
  memory::Reading reading;
};

/// reading, as a notification: what the engine holds while it is busy with a group, and a sign of
/// life.
struct BusyReading {
  std::string group;
  std::string phase;  ///< "encode", "prefill", "decode"; empty: not told
  memory::Reading reading;
};

enum class CleanLevel { kNormal, kAggressive };

struct Cleaned {
  memory::Reading before;
  memory::Reading after;
};

struct Unloaded {
  memory::Reading before;
  memory::Reading after;
};

/// verify: feeds a golden file's inputs to the loaded model.
struct VerifyRequest {
  std::string golden;  ///< safetensors: every model input, `logits`, `generated`, optional taps
};

struct Verified {
  double max_logit_difference = 0;
  std::vector<std::int32_t> expected_tokens;
  std::vector<std::int32_t> tokens;
  std::string first_different_tap;  ///< empty: none, or no taps
  double tap_difference = 0;
};

/// An error response's `data`: which of our error classes, its stable code.
struct RemoteError {
  std::string kind;  ///< "usage", "input", "budget", "resource", "backend", "cancelled", "internal"
  std::string code;
  std::string message;
};

/// As objects of the wire. Absent keys are the structure's defaults; a number that is not finite is
/// null. Text that is not UTF-8 has its bad bytes replaced when the line is written, but paths and
/// picture bytes arrive as they are.
Json to_json(const Hello& hello);
Json to_json(const PlanRequest& request);
Json to_json(const LoadRequest& request);
Json to_json(const Loaded& loaded);
Json to_json(const AskRequest& request);
Json to_json(const Answer& answer);
Json to_json(const AskDone& done);
Json to_json(const BusyReading& busy);
Json to_json(const Cleaned& cleaned);
Json to_json(const Unloaded& unloaded);
Json to_json(const VerifyRequest& request);
Json to_json(const Verified& verified);
Json to_json(const RemoteError& error);

/// Defined for the same types. Throws InputError("E-CONTRACT") naming the key's path.
template <typename T>
T from_json(const Json& json);
template <>
Hello from_json<Hello>(const Json& json);
template <>
PlanRequest from_json<PlanRequest>(const Json& json);
template <>
LoadRequest from_json<LoadRequest>(const Json& json);
template <>
Loaded from_json<Loaded>(const Json& json);
template <>
AskRequest from_json<AskRequest>(const Json& json);
template <>
Answer from_json<Answer>(const Json& json);
template <>
AskDone from_json<AskDone>(const Json& json);
template <>
BusyReading from_json<BusyReading>(const Json& json);
template <>
Cleaned from_json<Cleaned>(const Json& json);
template <>
Unloaded from_json<Unloaded>(const Json& json);
template <>
VerifyRequest from_json<VerifyRequest>(const Json& json);
template <>
Verified from_json<Verified>(const Json& json);
template <>
RemoteError from_json<RemoteError>(const Json& json);

/// "normal", "aggressive".
std::string_view to_string(CleanLevel level);
std::optional<CleanLevel> clean_level_from_string(std::string_view name);

}  // namespace headroom::worker
