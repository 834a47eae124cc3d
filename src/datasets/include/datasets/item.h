#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/conversation.h"
#include "base/outcome.h"
#include "scoring/score.h"

namespace headroom::datasets {

/// Where a picture's bytes are. Not opened until the item is asked about.
struct Picture {
  std::filesystem::path path;  ///< of a file; or
  std::string bytes;           ///< the encoded bytes themselves (base64 cells, parquet)
  std::string name;  ///< for messages and exports: the path as the data wrote it, or the row's id
};

/// An option's letter and its text. Letters are the data's own and need not begin with A.
using Option = std::pair<char, std::string>;

/// One question, exactly as the data set means it.
struct Item {
  std::string id;                 ///< unique in the set, digit by digit as the data wrote it
  std::vector<Picture> pictures;  ///< in the order the conversation's parts refer to; may be empty
  std::string question;           ///< the data's own words
  std::vector<Option> options;    ///< of a multiple-choice question; not kept in a journal
  Conversation conversation;      ///< what is asked, picture parts in their places
  scoring::Truth truth;
  std::uint64_t line = 0;  ///< physical line or record number in its file, from 1
  /// Set when the row itself cannot be asked (bad cell, placeholder count): outcome and message.
  /// The item is kept.
  std::string defect;
  Outcome defect_outcome = Outcome::kImage;  ///< what such an item ends as; only with a defect
  /// Which of the conditions that a test compares this item belongs to; empty: it has only one.
  std::string arm;
  std::string dialogue;    ///< id of the dialogue that it is a turn of; empty: of none
  std::uint32_t turn = 0;  ///< its turn in the dialogue, from 1; 0: independent of other items
};

/// Streams the items of one data set. Never holds a whole file of pictures in memory.
class DatasetReader {
 public:
  virtual ~DatasetReader() = default;
  /// The next item, or nothing at the end. Throws InputError/UsageError for a file that cannot be
  /// read at all, naming file, line and what was expected.
  virtual std::optional<Item> next() = 0;

  /// What should be said about the data as read so far ("3 of 10 items have no reference: …"); all
  /// of it once next() returned nothing.
  virtual std::vector<std::string> notices() const { return {}; }
};

/// A data set: how to read it and how its answers are scored.
struct Dataset {
  std::string name;            ///< "easy-vqa", "vqav2", "jsonl"
  std::string label;           ///< short, for run folders: "easy-vqa", the file's stem
  std::string metric;          ///< default scorer: "exact", "vqa-accuracy"
  std::filesystem::path path;  ///< of the file that holds the questions, or of their folder
  std::function<std::unique_ptr<DatasetReader>()> open;  ///< a fresh pass, callable again and again
  /// "name:argument" opens the same data again, from any working folder: absolute.
  std::string argument;
};

/// What identifies an item's question and pictures, whatever its place in the file: id,
/// conversation and the pictures' bytes; not the references, arm or dialogue. Missing pictures hash
/// as missing. Reads the picture files.
std::string item_hash(const Item& item);

/// The same for many items in a row: a picture that the item before also had is not read again.
class ItemHasher {
 public:
  std::string hash(const Item& item);

 private:
  std::string picture_digest(const Picture& picture);

  std::vector<std::pair<std::filesystem::path, std::string>> last_;  ///< the last item's pictures
};

}  // namespace headroom::datasets
