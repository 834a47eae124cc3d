#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "gguf_header.h"
#include "memory/geometry.h"
#include "worker/messages.h"

namespace headroom::backends {

/// What a language model's GGUF header says of its memory.
struct GgufText {
  std::string architecture;  ///< "llama"
  std::string type;          ///< of most bytes: "Q4_K"
  std::uint64_t parameters = 0;
  Bytes weights;
  Bytes kv_per_token;                ///< keys and values of all layers in 16 bits
  std::uint32_t context_tokens = 0;  ///< that it was trained for
  std::uint32_t embedding = 0;
  std::uint64_t feed_forward = 0;  ///< of a mixture of experts, of those that one token sees
  std::uint64_t attention = 0;     ///< queries, keys and values of one token in one layer, numbers
  std::uint32_t vocabulary = 0;
};

/// What a vision part's (mmproj) header says of its memory.
struct GgufVision {
  std::string projector;  ///< "idefics3"
  std::uint64_t parameters = 0;
  Bytes weights;
  std::uint32_t image_size = 0;  ///< longest side of a tile, pixels
  std::uint32_t patch = 0;
  std::uint32_t merge = 1;    ///< patches of a side that become one token
  std::uint32_t longest = 0;  ///< side that pictures are scaled to before they are cut; 0: not told
  std::uint32_t embedding = 0;
  std::uint32_t feed_forward = 0;
};

/// Throws UsageError("E-GGUF") where a figure is missing or absurd, and when the file is a vision
/// part.
GgufText gguf_text(const GgufHeader& header, const std::string& name);
/// Throws the same, and when the file is none or sees no pictures.
GgufVision gguf_vision(const GgufHeader& header, const std::string& name);

/// One sequence of one picture.
struct GgufPicture {
  std::uint64_t tokens = 0;
  std::uint64_t patches = 0;  ///< of a tile
  std::uint32_t tiles = 1;
};

/// What a picture becomes, never less than that. `image_tokens`: what each picture is told to take,
/// 0: as its size says.
/// Source: llama.cpp tools/mtmd (clip, mtmd), by kind of projector: pictures cut into tiles with an
/// overview, pictures of one size, and by their own size up to 4,096 tokens.
GgufPicture gguf_picture(const GgufVision& vision,
                         const worker::PictureSize& size,
                         std::uint32_t image_tokens);

/// How a server is started, as far as memory goes.
struct ServerSizes {
  std::uint32_t slots = 1;
  std::uint32_t context_tokens = 0;  ///< of each slot

  bool operator==(const ServerSizes&) const = default;
};

/// New tokens that llama.cpp computes in one pass (its default, --ubatch-size).
constexpr std::uint32_t kPassTokens = 512;
/// llama.cpp rounds a slot's context up to that.
constexpr std::uint32_t kContextStep = 256;
/// More is refused, so that no arithmetic overflows.
constexpr std::uint32_t kMostContext = 1U << 22U;
constexpr std::uint32_t kMostSlots = 256;

/// What all files of a model say.
struct GgufModel {
  GgufText text;
  std::optional<GgufVision> vision;
  std::uint32_t image_tokens = 0;
};

/// The memory of a server with these sizes. All of it is taken when it loads or at first use:
/// weights without a mapped file, KV cache of all slots, the buffers of one pass and of one
/// picture.
memory::Geometry gguf_geometry(const GgufModel& model,
                               const ServerSizes& sizes,
                               Bytes engine,
                               const std::vector<worker::PictureSize>& pictures);

}  // namespace headroom::backends
