#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"

namespace headroom::memory {

/// What one picture costs after the model's own processing. Declared by the model's family.
struct PictureCost {
  std::uint32_t width = 0;  ///< of the picture as asked, pixels
  std::uint32_t height = 0;
  std::uint32_t tiles = 0;   ///< crops that the vision tower sees
  std::uint32_t tokens = 0;  ///< positions in the prompt, separators included
  Bytes decode;              ///< host memory while it is decoded, resized and normalised
  Bytes pixels;              ///< what stays of that until it is encoded
  Bytes encode;              ///< transient of the vision tower at its peak
  Bytes features;            ///< kept until the prefix is prefilled
};

/// What an engine takes for itself whatever is asked: one that sets its buffers up for the largest
/// question that it will take. All 0: an engine that takes what a question needs.
struct ReservedMemory {
  std::uint32_t slots = 0;  ///< sequences that it holds room for, each of context_tokens
  Bytes kv;                 ///< KV cache of all slots, there as soon as it has loaded
  Bytes compute;            ///< buffers of a pass, held from the first use on
  /// Of encoding the largest picture that was asked about, likewise: what a picture's own `encode`
  /// is above that comes on top.
  Bytes vision;

  bool operator==(const ReservedMemory&) const = default;
};

/// How a model's memory grows: constants of the checkpoint, the dtype and the engine, declared by
/// its family from configuration and tensor headers, without loading anything. All plan arithmetic
/// (plan.h) uses only these figures.
struct Geometry {
  std::string family;  ///< "smolvlm"
  std::string dtype;   ///< "float32", "bfloat16", "float16"
  std::uint64_t parameters = 0;
  Bytes weights;                   ///< in the dtype they will have
  Bytes vision_weights;            ///< of them, what releasing the vision tower frees
  Bytes load_staging;              ///< on top of the weights while loading
  Bytes engine;                    ///< process and libraries before loading, measured
  Bytes engine_growth;             ///< what libraries add on first use (BLAS buffers, kernels)
  Bytes kv_per_token;              ///< all layers, one sequence
  Bytes kv_per_token_quantised;    ///< the same with 8 bits a number; 0: not available
  Bytes kv_dequantised_per_token;  ///< of each token in a quantised cache while attention reads
                                   ///< it: one layer's keys and values; 0: read in small blocks
  Bytes kv_copied_per_token;       ///< of each cached token in each row of a pass behind a shared
                                   ///< prefix, where attention copies them side by side: one
                                   ///< layer's keys and values; else 0
  Bytes kv_repeated_per_token;     ///< of each cached token in each row of a prefill's pass, where
                                   ///< attention copies one layer's keys and values for each query
                                   ///< head; else 0
  Bytes kv_repeated_decoding_per_token;  ///< the same while answers are decoded
  Bytes kv_moved_per_token;        ///< of each token of a cache that a turn takes over from the one
                                   ///< before: its keys in one layer, held twice; else 0
  Bytes prefill_per_token;         ///< activations of one sequence's token while it is prefilled
  Bytes scores_per_token_pair;     ///< attention scores per (new token, cached token), where
                                   ///< materialised; else 0
  std::uint32_t score_tokens = 0;  ///< new tokens of a sequence whose scores are held at once; 0:
                                   ///< all of a pass
  Bytes logits_per_row;            ///< one row of the vocabulary as the sampler holds it
  std::uint32_t context_tokens = 0;  ///< largest sequence the model takes
  ReservedMemory reserved;
  bool shares_prefix = true;       ///< false: each sequence of a batch has a prefix of its own
  bool prefills_in_chunks = true;  ///< false: a pass takes whole prompts, whatever the chunk
  std::uint32_t block_tokens = 0;  ///< at most so many tokens see one another and stay in one pass,
                                   ///< which a chunk is exceeded by; 0: none do
  std::vector<PictureCost>
      pictures;  ///< one for each picture size that was asked about, in that order
};

Json to_json(const PictureCost& cost);
Json to_json(const Geometry& geometry);
/// Ignores unknown keys. Throws InputError("E-CONTRACT") naming a missing or mistyped one.
PictureCost picture_cost_from_json(const Json& json);
Geometry geometry_from_json(const Json& json);

}  // namespace headroom::memory
