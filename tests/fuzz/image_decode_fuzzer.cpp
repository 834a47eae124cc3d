// Pictures from hostile bytes, in all formats. Built with -fsanitize=fuzzer it explores; with its
// plain main it replays the files and folders that it is given, and with `--mutations N` also N
// damaged copies of each, the same ones every time.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "base/files.h"
#include "images/decode.h"

namespace {

namespace fs = std::filesystem;
using namespace headroom;

void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "image_decode_fuzzer: violated: %s\n", what);
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  images::DecodeLimits limits;
  limits.max_pixels = 1U << 20U;  // large sides are refused, not waited for
  bool header_read = false;
  images::Header header;
  try {
    header = images::read_header(bytes, "input", limits);
    header_read = true;
    const images::Decoded decoded = images::decode(bytes, "input", limits);
    const images::Image& image = decoded.image;
    require(image.rgb.size() == std::size_t{image.width} * image.height * 3, "the size fits");
    require(image.pixels() > 0 && image.pixels() <= limits.max_pixels, "the limit holds");
    require(image.width == header.width && image.height == header.height, "the header is right");
  } catch (const InputError& error) {
    require(std::string_view(error.what()).substr(0, 5) == "input", "a message names its picture");
    require(header_read || error.code() != "E-IMG-MISSING", "memory is not missing");
  }
  return 0;
}

#ifndef HEADROOM_LIBFUZZER
namespace {

/// Bits turned, bytes set, runs copied, removed or repeated, the end cut: one to eight times.
std::string damaged(std::string bytes, std::mt19937& random) {
  const auto below = [&random](std::size_t end) {
    return end == 0 ? std::size_t{0} : std::size_t{random()} % end;
  };
  constexpr char kEdges[] = {0, 1, 127, -128, -1, 64, 8, 16};
  const std::size_t steps = 1 + below(8);
  for (std::size_t step = 0; step < steps && !bytes.empty(); ++step) {
    // Half of the damage goes into the first 64 bytes, where headers are.
    const std::size_t reach =
        below(2) == 0 ? std::min<std::size_t>(bytes.size(), 64) : bytes.size();
    const std::size_t at = below(reach);
    const std::size_t length = 1 + below(std::min<std::size_t>(bytes.size() - at, 16));
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(random());
        break;
      case 2:
        bytes[at] = kEdges[below(sizeof kEdges)];
        break;
      case 3:
        bytes.erase(at, length);
        break;
      case 4:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 5:
        bytes.replace(at, length, bytes.substr(below(bytes.size()), length));
        break;
      default:
        if (below(4) == 0) {
          bytes.resize(at);
        }
    }
  }
  return bytes;
}

void replay(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::vector<fs::path> files_of(const fs::path& path) {
  if (!fs::is_directory(path)) {
    return {path};
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t mutations = 0;
  std::size_t inputs = 0;
  std::mt19937 random(20240229);
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--mutations") == 0 && i + 1 < argc) {
      mutations = std::strtoul(argv[++i], nullptr, 10);
      continue;
    }
    for (const fs::path& file : files_of(argv[i])) {
      const std::string bytes = headroom::read_file(file);
      replay(bytes);
      for (std::size_t k = 0; k < mutations; ++k) {
        replay(damaged(bytes, random));
      }
      inputs += 1 + mutations;
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs == 0 ? 1 : 0;
}
#endif
