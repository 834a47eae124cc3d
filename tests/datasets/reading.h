#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/open.h"

namespace headroom::datasets::test {

inline const std::filesystem::path kData = HEADROOM_TEST_DATA;
inline const std::filesystem::path kCases = kData / "cases";

/// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "headroom-data-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }

  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, std::string_view content) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

 private:
  std::filesystem::path path_;
};

inline std::vector<Item> read_all(const Dataset& dataset) {
  std::vector<Item> items;
  const auto reader = dataset.open();
  while (auto item = reader->next()) {
    items.push_back(std::move(*item));
  }
  return items;
}

/// What one pass over a data set found.
struct Survey {
  std::uint64_t items = 0;
  std::uint64_t without_references = 0;
  std::uint64_t defects = 0;
  std::vector<std::string> notices;
};

inline Survey survey(const Dataset& dataset) {
  Survey result;
  const auto reader = dataset.open();
  while (const std::optional<Item> item = reader->next()) {
    ++result.items;
    result.without_references += item->truth.references.empty() ? 1 : 0;
    result.defects += item->defect.empty() ? 0 : 1;
  }
  result.notices = reader->notices();
  return result;
}

inline std::vector<Item> read_all(const std::filesystem::path& path,
                                  const OpenOptions& options = {}) {
  return read_all(open_dataset(path.string(), options));
}

/// The items of a JSONL text.
inline std::vector<Item> read_text(std::string_view text, const OpenOptions& options = {}) {
  const TemporaryFolder folder;
  return read_all(folder.write("data.jsonl", text), options);
}

/// The message with which a data set is refused, at opening or in a pass; empty when it is not.
inline std::string refusal(const std::string& word, const OpenOptions& options = {}) {
  try {
    survey(open_dataset(word, options));
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

inline std::string refusal_of_text(std::string_view text, const OpenOptions& options = {}) {
  const TemporaryFolder folder;
  return refusal(folder.write("data.jsonl", text).string(), options);
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The conversation as one text, pictures as [n].
inline std::string spelled(const Item& item) {
  std::string text;
  for (const Message& message : item.conversation) {
    for (const Part& part : message.parts) {
      text += part.kind == Part::Kind::kText ? part.text : "[" + std::to_string(part.image) + "]";
    }
  }
  return text;
}

}  // namespace headroom::datasets::test
