// Data rows from hostile bytes: read as JSON lines, as a list of JSON objects and as VQA v2's
// questions. Built with -fsanitize=fuzzer it explores; with its plain main it replays the files and
// folders that it is given.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/errors.h"
#include "datasets/open.h"

namespace {

namespace fs = std::filesystem;
using headroom::Part;
using headroom::datasets::Item;

void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "jsonl_rows_fuzzer: violated: %s\n", what);
    std::abort();
  }
}

/// What every item promises, whatever the bytes were.
void check(const Item& item) {
  require(!item.id.empty(), "an item has an id");
  require(item.line > 0, "an item has a place");
  require(item.defect.empty() != item.conversation.empty(), "an item is asked or has a defect");
  std::size_t places = 0;
  for (const headroom::Message& message : item.conversation) {
    for (const Part& part : message.parts) {
      if (part.kind == Part::Kind::kImage) {
        require(part.image == places, "pictures are asked about in their order");
        ++places;
      }
    }
  }
  require(item.defect.empty() ? places == item.pictures.size() : places == 0,
          "each picture has one place");
}

void read_as(const std::string& word) {
  try {
    const auto dataset = headroom::datasets::open_dataset(word, {});
    const auto reader = dataset.open();
    while (const auto item = reader->next()) {
      check(*item);
    }
    reader->notices();
  } catch (const headroom::UsageError&) {
    // Refusing is an answer.
  }
}

/// One file for all inputs, in a folder with one numbered picture, so that VQA v2 can be tried.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "headroom-fuzz-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    std::ofstream(folder_ / "COCO_val2014_000000000001.jpg") << "x";
  }

  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::string write(const std::uint8_t* data, std::size_t size) const {
    const fs::path file = folder_ / "questions.json";
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    return file.string();
  }

 private:
  fs::path folder_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Scratch scratch;
  const std::string file = scratch.write(data, size);
  read_as("jsonl:" + file);
  read_as("json:" + file);
  read_as("vqav2:" + file);
  return 0;
}
