#pragma once

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace headroom::test {

/// Writes GGUF files, also wrong ones: each part goes in as it is given.
class GgufFile {
 public:
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;
  std::string magic = "GGUF";

  GgufFile& text(const std::string& key, const std::string& value) {
    return begin(key, 8).put_text(values_, value);
  }

  GgufFile& count(const std::string& key, std::uint32_t value) {
    return begin(key, 4).put(values_, value);
  }

  GgufFile& flag(const std::string& key, bool value) {
    return begin(key, 7).put(values_, static_cast<std::uint8_t>(value ? 1 : 0));
  }

  GgufFile& fraction(const std::string& key, float value) {
    return begin(key, 6).put(values_, std::bit_cast<std::uint32_t>(value));
  }

  GgufFile& counts(const std::string& key, const std::vector<std::uint32_t>& list) {
    begin(key, 9).put(values_, std::uint32_t{4});
    put(values_, static_cast<std::uint64_t>(list.size()));
    for (const std::uint32_t value : list) {
      put(values_, value);
    }
    return *this;
  }

  GgufFile& texts(const std::string& key, const std::vector<std::string>& list) {
    begin(key, 9).put(values_, std::uint32_t{8});
    put(values_, static_cast<std::uint64_t>(list.size()));
    for (const std::string& value : list) {
      put_text(values_, value);
    }
    return *this;
  }

  /// A value of any kind with these bytes behind it.
  GgufFile& raw(const std::string& key, std::uint32_t kind, const std::string& bytes) {
    begin(key, kind);
    values_ += bytes;
    return *this;
  }

  /// Behind the one before, `bytes` long.
  GgufFile& tensor(const std::string& name,
                   const std::vector<std::uint64_t>& sides,
                   std::uint32_t type,
                   std::uint64_t bytes) {
    tensor_at(name, sides, type, data_);
    data_ += (bytes + alignment - 1) / alignment * alignment;
    return *this;
  }

  GgufFile& tensor_at(const std::string& name,
                      const std::vector<std::uint64_t>& sides,
                      std::uint32_t type,
                      std::uint64_t offset) {
    put_text(tensors_, name);
    put(tensors_, static_cast<std::uint32_t>(sides.size()));
    for (const std::uint64_t side : sides) {
      put(tensors_, side);
    }
    put(tensors_, type);
    put(tensors_, offset);
    ++tensor_count_;
    return *this;
  }

  std::string bytes() const {
    std::string file = magic;
    put_number(file, version);
    put_number(file, tensor_count_);
    put_number(file, value_count_);
    file += values_ + tensors_;
    file.resize((file.size() + alignment - 1) / alignment * alignment + data_);
    return file;
  }

  void write(const std::filesystem::path& path) const {
    std::ofstream(path, std::ios::binary) << bytes();
  }

 private:
  GgufFile& begin(const std::string& key, std::uint32_t kind) {
    put_text(values_, key);
    ++value_count_;
    return put(values_, kind);
  }

  template <typename T>
  static void put_number(std::string& to, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      to += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFFU);
    }
  }

  template <typename T>
  GgufFile& put(std::string& to, T value) {
    put_number(to, value);
    return *this;
  }

  GgufFile& put_text(std::string& to, const std::string& text) {
    put_number(to, static_cast<std::uint64_t>(text.size()));
    to += text;
    return *this;
  }

  std::string values_;
  std::string tensors_;
  std::uint64_t value_count_ = 0;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t data_ = 0;
};

/// A small language model: 2 layers, 4 heads of 16, 2 of them for keys and values, context 2,048.
inline GgufFile small_gguf_text() {
  GgufFile file;
  file.text("general.architecture", "llama")
      .count("llama.block_count", 2)
      .count("llama.embedding_length", 64)
      .count("llama.context_length", 2048)
      .count("llama.feed_forward_length", 128)
      .count("llama.attention.head_count", 4)
      .count("llama.attention.head_count_kv", 2)
      .count("llama.vocab_size", 100)
      .tensor("token_embd.weight", {64, 100}, 1, 12'800)
      .tensor("output_norm.weight", {64}, 0, 256);
  return file;
}

/// Its vision part: pictures by their own size, patches of 8 pixels, 2 x 2 of them a token.
inline GgufFile small_gguf_vision() {
  GgufFile file;
  file.text("general.architecture", "clip")
      .text("general.type", "mmproj")
      .text("clip.projector_type", "lfm2")
      .flag("clip.has_vision_encoder", true)
      .count("clip.vision.image_size", 64)
      .count("clip.vision.patch_size", 8)
      .count("clip.vision.embedding_length", 32)
      .count("clip.vision.feed_forward_length", 96)
      .count("clip.vision.projector.scale_factor", 2)
      .tensor("mm.1.weight", {128, 64}, 1, 16'384);
  return file;
}

}  // namespace headroom::test
