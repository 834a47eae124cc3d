// The main of fuzzers that libFuzzer does not drive: feeds them files, and every file of folders.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/files.h"

namespace fs = std::filesystem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t inputs = 0;
  const auto replay = [&](const fs::path& file) {
    const std::string bytes = headroom::read_file(file);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++inputs;
  };
  for (int i = 1; i < argc; ++i) {
    if (fs::is_directory(argv[i])) {
      for (const auto& entry : fs::directory_iterator(argv[i])) {
        replay(entry.path());
      }
    } else {
      replay(argv[i]);
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs == 0 ? 1 : 0;
}
