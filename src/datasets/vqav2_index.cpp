#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "base/errors.h"
#include "json_text.h"
#include "vqav2.h"
#include "vqav2_records.h"

namespace headroom::datasets {

namespace {

std::uint64_t hash_of(const std::string& id) { return std::hash<std::string>()(id); }

[[noreturn]] void refuse(const std::string& file,
                         const std::string& id,
                         std::uint64_t first,
                         std::uint64_t second) {
  throw UsageError("E-DATA-DUPLICATE",
                   fmt::format("{}: question_id '{}' stands in record {} and again in record {}; "
                               "answers are kept by id: make the ids unique",
                               file,
                               id,
                               first,
                               second));
}

/// The sorted hashes of all question ids; repeated ids are refused.
std::vector<std::uint64_t> question_hashes(const std::filesystem::path& path) {
  std::vector<std::uint64_t> hashes;
  JsonElements records(path, "questions");
  while (const auto row = records.next()) {
    hashes.push_back(hash_of(record_id(parse_record(records, *row), records, *row)));
  }
  if (hashes.empty()) {
    throw UsageError("E-DATA-EMPTY",
                     fmt::format("{}: the list 'questions' is empty", path.string()));
  }
  std::sort(hashes.begin(), hashes.end());
  std::vector<std::uint64_t> twice;
  for (std::size_t i = 1; i < hashes.size(); ++i) {
    if (hashes[i] == hashes[i - 1]) {
      twice.push_back(hashes[i]);
    }
  }
  if (twice.empty()) {
    return hashes;
  }
  // Equal hashes are equal ids but for an accident of the hash: a second pass compares the texts.
  std::unordered_map<std::string, std::uint64_t> seen;
  JsonElements again(path, "questions");
  while (const auto row = again.next()) {
    const std::string id = record_id(parse_record(again, *row), again, *row);
    if (std::binary_search(twice.begin(), twice.end(), hash_of(id))) {
      const auto [place, is_new] = seen.try_emplace(id, row->number);
      if (!is_new) {
        refuse(path.string(), id, place->second, row->number);
      }
    }
  }
  return hashes;
}

}  // namespace

AnnotationIndex::AnnotationIndex(const VqaFiles& files) : path_(files.annotations) {
  const std::vector<std::uint64_t> hashes = question_hashes(files.questions);
  if (!path_.empty()) {
    read_annotations();
    refuse_repeated();
    note_without_question(hashes);
  }
}

void AnnotationIndex::read_annotations() {
  JsonElements records(path_, "annotations");
  while (const auto row = records.next()) {
    const std::string id = record_id(parse_record(records, *row), records, *row);
    entries_.push_back({hash_of(id),
                        records.offset(),
                        static_cast<std::uint32_t>(row->text.size()),
                        static_cast<std::uint32_t>(row->number)});
  }
  entries_.shrink_to_fit();
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.record < b.record;
  });
}

Json AnnotationIndex::read(std::ifstream& file, const Entry& entry) const {
  std::string text(entry.length, '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(entry.offset));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  return parse_json_text(text, fmt::format("{}: record {}", path_.string(), entry.record));
}

void AnnotationIndex::refuse_repeated() const {
  std::ifstream file(path_, std::ios::binary);
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    for (std::size_t j = i; j > 0 && entries_[j - 1].hash == entries_[i].hash; --j) {
      const std::string id = id_text(read(file, entries_[i]));
      if (id == id_text(read(file, entries_[j - 1]))) {
        refuse(path_.string(), id, entries_[j - 1].record, entries_[i].record);
      }
    }
  }
}

void AnnotationIndex::note_without_question(const std::vector<std::uint64_t>& question_hashes) {
  std::ifstream file(path_, std::ios::binary);
  for (const Entry& entry : entries_) {
    if (!std::binary_search(question_hashes.begin(), question_hashes.end(), entry.hash)) {
      without_question_.add(id_text(read(file, entry)));
    }
  }
}

std::optional<Json> AnnotationIndex::find(std::ifstream& file,
                                          const std::string& question_id) const {
  const std::uint64_t hash = hash_of(question_id);
  auto entry =
      std::lower_bound(entries_.begin(), entries_.end(), hash, [](const Entry& a, std::uint64_t h) {
        return a.hash < h;
      });
  for (; entry != entries_.end() && entry->hash == hash; ++entry) {
    Json annotation = read(file, *entry);
    if (id_text(annotation) == question_id) {
      return annotation;
    }
  }
  return std::nullopt;
}

}  // namespace headroom::datasets
