#include "demo_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>

namespace headroom::test {

namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    throw std::runtime_error("cannot read " + path.string());
  }
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Never through a link: the demo itself must stay whole.
void put(const fs::path& path, const std::string& text) {
  fs::remove(path);
  std::ofstream stream(path, std::ios::binary);
  stream.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream) {
    throw std::runtime_error("cannot write " + path.string());
  }
}

std::uint64_t header_length(const std::string& weights) {
  std::uint64_t length = 0;
  std::memcpy(&length, weights.data(), sizeof length);
  return length;
}

std::string bytes_of(std::uint64_t number) {
  std::string text(sizeof number, '\0');
  std::memcpy(text.data(), &number, sizeof number);
  return text;
}

/// A bfloat16 as the nearest float16, ties to even.
std::uint16_t float16_of(std::uint16_t bfloat16) {
  const std::uint32_t bits = std::uint32_t{bfloat16} << 16U;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  const std::uint16_t sign = bfloat16 & 0x8000U;
  const double size = std::fabs(static_cast<double>(value));
  if (size >= 65520.0) {
    return sign | 0x7c00U;
  }
  int exponent = 0;
  std::frexp(size, &exponent);
  const int step = std::max(exponent - 11, -24);  // of the last bit, as a power of two
  const double rounded = std::nearbyint(std::ldexp(size, -step));
  if (rounded < 1024.0) {
    return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(rounded));
  }
  // 1024 to 2048 steps: the carry of a mantissa of 2048 goes on into the exponent by itself.
  const unsigned exponent_bits = static_cast<unsigned>(step + 24) << 10U;
  return static_cast<std::uint16_t>(sign | (exponent_bits + static_cast<unsigned>(rounded)));
}

}  // namespace

fs::path demo_assets() { return fs::path(HEADROOM_SOURCE_DIR) / "assets" / "demo"; }

DemoCheckpoint::DemoCheckpoint(fs::path folder) : folder_(std::move(folder)) {
  fs::create_directories(folder_);
  for (const auto& entry : fs::directory_iterator(demo_assets() / "model")) {
    if (!entry.is_regular_file()) {
      continue;
    }
    const fs::path target = folder_ / entry.path().filename();
    if (entry.path().extension() == ".safetensors") {
      fs::create_symlink(entry.path(), target);
    } else {
      fs::copy_file(entry.path(), target);
    }
  }
}

void DemoCheckpoint::remove(const std::string& file) const { fs::remove(folder_ / file); }

void DemoCheckpoint::write(const std::string& file, const std::string& text) const {
  put(folder_ / file, text);
}

void DemoCheckpoint::edit_json(const std::string& file,
                               const std::function<void(Json&)>& change) const {
  Json json = Json::parse(content(folder_ / file));
  change(json);
  put(folder_ / file, json.dump(1));
}

void DemoCheckpoint::truncate(const std::string& file, double share) const {
  const std::string whole = content(folder_ / file);
  const auto kept = static_cast<std::size_t>(static_cast<double>(whole.size()) * share);
  put(folder_ / file, whole.substr(0, kept));
}

void DemoCheckpoint::edit_weights_header(const std::function<void(Json&)>& change) const {
  const std::string whole = content(weights());
  const std::uint64_t length = header_length(whole);
  Json header = Json::parse(whole.substr(8, length));
  change(header);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  put(weights(), bytes_of(text.size()) + text + whole.substr(8 + length));
}

void DemoCheckpoint::to_float16() const {
  std::string whole = content(weights());
  const std::size_t start = 8 + header_length(whole);
  for (std::size_t at = start; at + 1 < whole.size(); at += 2) {
    std::uint16_t number = 0;
    std::memcpy(&number, whole.data() + at, sizeof number);
    number = float16_of(number);
    std::memcpy(whole.data() + at, &number, sizeof number);
  }
  put(weights(), whole);
  edit_weights_header([](Json& header) {
    for (auto& [name, tensor] : header.items()) {
      if (name != "__metadata__") {
        tensor["dtype"] = "F16";
      }
    }
  });
}

void DemoCheckpoint::set_header_length(std::uint64_t length) const {
  put(weights(), bytes_of(length) + content(weights()).substr(8));
}

void make_hub_cache(const fs::path& hub,
                    const std::string& repository,
                    const std::string& revision,
                    const fs::path& checkpoint,
                    const std::string& reference_tail) {
  std::string name = "models--" + repository;
  name.replace(name.find('/'), 1, "--");
  const fs::path base = hub / name;
  fs::create_directories(base / "blobs");
  fs::create_directories(base / "refs");
  fs::create_directories(base / "snapshots" / revision);
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(checkpoint)) {
    files.insert(entry.path());
  }
  std::size_t number = 0;
  for (const fs::path& file : files) {
    std::string blob = std::to_string(number++);
    blob.insert(0, 40 - blob.size(), '0');
    fs::rename(file, base / "blobs" / blob);
    fs::create_symlink(fs::path("../../blobs") / blob,
                       base / "snapshots" / revision / file.filename());
  }
  std::ofstream(base / "refs" / "main") << revision << reference_tail;
}

}  // namespace headroom::test
