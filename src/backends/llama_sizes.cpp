#include "llama_sizes.h"

#include <algorithm>

namespace headroom::backends {

namespace {

/// Texts are measured by their bytes; a chat template may add what is not in them.
constexpr std::uint64_t kTemplateTokens = 64;
constexpr std::uint32_t kLeastContext = 512;

std::uint64_t most_context(const GgufModel& model) {
  return std::min(std::max(model.text.context_tokens, 1U), kMostContext);
}

std::uint32_t context_for(const GgufModel& model, std::uint64_t tokens) {
  const std::uint64_t most = most_context(model);
  const std::uint64_t rounded = (tokens + kContextStep - 1) / kContextStep * kContextStep;
  return static_cast<std::uint32_t>(
      std::min(most, std::max<std::uint64_t>(rounded, kLeastContext)));
}

Bytes required(const memory::Geometry& geometry) {
  return geometry.engine + geometry.engine_growth + geometry.weights + geometry.reserved.kv +
         geometry.reserved.compute + geometry.reserved.vision;
}

}  // namespace

std::uint64_t tokens_needed(const GgufModel& model,
                            const std::vector<worker::PictureSize>& pictures,
                            const Sizing& sizing) {
  std::uint64_t most = 0;
  for (const std::vector<std::size_t>& set : sizing.picture_sets) {
    std::uint64_t tokens = 0;
    for (const std::size_t index : set) {
      if (model.vision && index < pictures.size()) {
        tokens += gguf_picture(*model.vision, pictures[index], model.image_tokens).tokens;
      }
    }
    most = std::max(most, tokens);
  }
  // A text that is longer than any context ends in E-CONTEXT whatever the size: it sets none.
  std::uint32_t longest = 0;
  for (const std::uint32_t tokens : sizing.text_tokens) {
    longest = tokens < most_context(model) ? tokens : longest;
  }
  return most + longest + sizing.max_tokens + kTemplateTokens;
}

ServerSizes choose_sizes(const GgufModel& model,
                         Bytes engine,
                         const std::vector<worker::PictureSize>& pictures,
                         const Sizing& sizing,
                         std::uint32_t slots) {
  const std::uint64_t need = tokens_needed(model, pictures, sizing);
  const std::uint32_t most = std::clamp(slots, 1U, kMostSlots);
  for (std::uint32_t count = most; count > 0; --count) {
    for (const std::uint64_t tokens : {2 * need, need}) {
      const ServerSizes sizes{count, context_for(model, tokens)};
      if (required(gguf_geometry(model, sizes, engine, pictures)) <= sizing.memory) {
        return sizes;
      }
    }
  }
  return {1, context_for(model, need)};
}

}  // namespace headroom::backends
