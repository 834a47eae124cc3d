#include <array>
#include <fstream>

#include "base/hash.h"
#include "datasets/item.h"

namespace headroom::datasets {

namespace {

constexpr std::size_t kPiece = 64 * 1024;

std::string_view kind_of(const Part& part) {
  switch (part.kind) {
    case Part::Kind::kText:
      return "text";
    case Part::Kind::kImage:
      return "image";
    case Part::Kind::kAnswer:
      return "answer";
  }
  return "unknown";
}

std::string file_digest(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, kPiece> piece;
  Hasher hasher;
  const bool opened = file.is_open();
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = static_cast<std::size_t>(file.gcount());
    hasher.update(std::string_view(piece.data(), got));
  }
  return opened && !file.bad() ? hasher.hex() : "missing";
}

}  // namespace

std::string ItemHasher::picture_digest(const Picture& picture) {
  if (picture.path.empty()) {
    return content_hash(picture.bytes);
  }
  for (const auto& [path, digest] : last_) {
    if (path == picture.path) {
      return digest;
    }
  }
  return file_digest(picture.path);
}

std::string ItemHasher::hash(const Item& item) {
  Hasher hasher;
  hasher.update_field(item.id);
  std::vector<std::pair<std::filesystem::path, std::string>> pictures;
  for (const Picture& picture : item.pictures) {
    std::string digest = picture_digest(picture);
    hasher.update_field(digest);
    pictures.emplace_back(picture.path, std::move(digest));
  }
  last_ = std::move(pictures);
  hasher.update_field("conversation");
  for (const Message& message : item.conversation) {
    hasher.update_field(message.role);
    for (const Part& part : message.parts) {
      hasher.update_field(kind_of(part));
      hasher.update_field(part.kind == Part::Kind::kImage ? std::to_string(part.image) : part.text);
    }
    hasher.update_field("end of turn");
  }
  if (!item.defect.empty()) {
    // The message may name a place in the file, which is not content.
    hasher.update_field("defect");
    hasher.update_field(item.question);
  }
  return hasher.hex();
}

std::string item_hash(const Item& item) { return ItemHasher().hash(item); }

}  // namespace headroom::datasets
