// A safetensors header from hostile bytes: the first two bytes say how long the data are, the rest
// is the header's text. Built with -fsanitize=fuzzer it explores; with its plain main it replays
// the files and folders that it is given.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "engine/safetensors.h"

namespace {

void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "safetensors_header_fuzzer: violated: %s\n", what);
    std::abort();
  }
}

void run(std::string_view input) {
  if (input.size() < 2) {
    return;
  }
  const auto low = static_cast<unsigned char>(input[0]);
  const auto high = static_cast<unsigned char>(input[1]);
  const std::uint64_t data = std::uint64_t{high} << 8U | low;
  try {
    const auto header = headroom::engine::parse_safetensors_header(input.substr(2), data, "input");
    std::uint64_t sum = 0;
    for (const auto& [name, tensor] : header.tensors) {
      require(tensor.begin <= tensor.end && tensor.end <= data, "a tensor lies in the data");
      require(
          tensor.bytes() == tensor.elements() * headroom::engine::stored_dtype_size(tensor.dtype),
          "a tensor has the size of its shape");
      sum += tensor.bytes();
    }
    require(sum == data, "the tensors cover the data");
  } catch (const headroom::UsageError&) {
    // Refusing is an answer.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  run({reinterpret_cast<const char*>(data), size});
  return 0;
}
