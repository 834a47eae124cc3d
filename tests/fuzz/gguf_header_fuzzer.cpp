// A GGUF file from hostile bytes: its header, and the plan that is made of what it says. Built with
// -fsanitize=fuzzer it explores; with its plain main it replays the files and folders that it is
// given.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include "base/errors.h"
#include "gguf_header.h"
#include "gguf_model.h"

namespace {

using headroom::Bytes;
using headroom::backends::GgufHeader;
using headroom::backends::GgufModel;
using headroom::backends::GgufTensor;

void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "gguf_header_fuzzer: violated: %s\n", what);
    std::abort();
  }
}

void check(const GgufHeader& header, std::uint64_t size) {
  require(header.data_begin <= size, "the data begin in the file");
  const std::uint64_t data = size - header.data_begin;
  for (const GgufTensor& tensor : header.tensors) {
    require(tensor.offset <= data && tensor.bytes.count() <= data - tensor.offset,
            "a tensor lies in the data");
  }
  require(header.weights() <= Bytes(size), "tensors do not overlap");
}

void plan(const GgufModel& model) {
  const auto geometry = headroom::backends::gguf_geometry(
      model,
      {headroom::backends::kMostSlots, headroom::backends::kMostContext},
      Bytes(),
      {{1, 1, {}}, {65'535, 65'535, {}}});
  require(geometry.reserved.kv >= model.text.kv_per_token, "all slots hold at least one token");
}

void run(const std::string& input) {
  try {
    std::istringstream stream(input);
    const GgufHeader header = headroom::backends::parse_gguf_header(stream, input.size(), "input");
    check(header, input.size());
    GgufModel model;
    model.text = headroom::backends::gguf_text(header, "input");
    plan(model);
  } catch (const headroom::UsageError&) {
    // Refusing is an answer.
  }
  try {
    std::istringstream stream(input);
    GgufModel model;
    model.vision = headroom::backends::gguf_vision(
        headroom::backends::parse_gguf_header(stream, input.size(), "input"), "input");
    plan(model);
  } catch (const headroom::UsageError&) {
    // Likewise.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  run({reinterpret_cast<const char*>(data), size});
  return 0;
}
