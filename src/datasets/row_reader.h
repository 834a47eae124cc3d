#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "datasets/item.h"
#include "fields.h"
#include "mentions.h"
#include "picture_names.h"
#include "rows.h"

namespace headroom::datasets {

/// Items from records with named fields: JSON lines, or a list of JSON objects. The question is
/// asked as it is; with options A..Z (two or more letters) as options_prompt(). What is wrong with
/// one row is the item's defect. Throws UsageError for broken JSON, records that are no objects,
/// repeated ids (with both places), a file without records, and, at the end, when no record at all
/// has a question or a field that was mapped (with the fields that there are).
/// Memory: one row, and about 100 bytes an item for the ids.
class RowReader final : public DatasetReader {
 public:
  RowReader(std::unique_ptr<RowSource> rows,
            const FieldMap& map,
            std::filesystem::path picture_folder);

  std::optional<Item> next() override;
  std::vector<std::string> notices() const override;

 private:
  std::string read_id(const Json& row, std::uint64_t number);
  void require_new_id(const std::string& id, std::uint64_t number);
  void read_question(const Json& row, Item& item) const;
  void read_truth(const Json& row, Item& item);
  void finish() const;
  std::string place(const Item& item) const;

  std::unique_ptr<RowSource> rows_;
  Fields fields_;
  PictureNames names_;
  FieldCensus census_;
  std::unordered_map<std::string, std::uint64_t> numbers_;  ///< by id
  std::uint64_t count_ = 0;
  std::uint64_t found_[kRoles] = {};  ///< rows that have the role's field
  Mentions without_references_;
  Mentions without_id_;
  Mentions defects_;
  Mentions without_picture_;
};

/// The texts that a reference field holds: a text, or a list of texts or of objects with "answer".
std::vector<std::string> read_references(const Json& field);

}  // namespace headroom::datasets
