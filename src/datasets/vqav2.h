#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "datasets/item.h"
#include "json_elements.h"
#include "mentions.h"
#include "vqav2_files.h"

namespace headroom::datasets {

/// Where each question's annotation stands in its file: the join without the file in memory.
/// Memory: 24 bytes an annotation.
class AnnotationIndex {
 public:
  /// One pass over both files. Throws UsageError for repeated question ids in either, naming both
  /// records.
  explicit AnnotationIndex(const VqaFiles& files);

  /// Reads the annotation of a question from `file`, or nothing when there is none.
  std::optional<Json> find(std::ifstream& file, const std::string& question_id) const;

  const std::filesystem::path& path() const { return path_; }

  std::uint64_t size() const { return entries_.size(); }

  const Mentions& without_question() const { return without_question_; }

 private:
  struct Entry {
    std::uint64_t hash;  ///< of the question id
    std::uint64_t offset;
    std::uint32_t length;
    std::uint32_t record;
  };

  void read_annotations();
  void refuse_repeated() const;
  void note_without_question(const std::vector<std::uint64_t>& question_hashes);
  Json read(std::ifstream& file, const Entry& entry) const;

  std::filesystem::path path_;
  std::vector<Entry> entries_;  ///< sorted by hash
  Mentions without_question_;
};

/// VQA v2's questions joined with their annotations. Prompt P1. Questions without annotation have
/// no references.
class VqaReader final : public DatasetReader {
 public:
  VqaReader(VqaFiles files, std::shared_ptr<const AnnotationIndex> annotations);

  std::optional<Item> next() override;
  std::vector<std::string> notices() const override;

 private:
  void read_truth(Item& item);
  void read_picture(const Json& question, Item& item) const;

  VqaFiles files_;
  std::shared_ptr<const AnnotationIndex> annotations_;
  std::ifstream annotation_file_;
  JsonElements questions_;
  std::uint64_t count_ = 0;
  Mentions without_references_;
};

}  // namespace headroom::datasets
