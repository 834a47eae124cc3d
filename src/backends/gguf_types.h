#pragma once

#include <cstdint>
#include <string_view>

namespace headroom::backends {

/// How numbers of a type are stored: in blocks of `elements`, each of `bytes`.
struct GgufType {
  std::uint32_t number = 0;
  std::string_view name;
  std::uint32_t elements = 1;
  std::uint32_t bytes = 0;
};

/// Null: not known. Source: ggml's table of types (gguf-py 0.19.0, GGML_QUANT_SIZES).
const GgufType* find_gguf_type(std::uint32_t number);

}  // namespace headroom::backends
