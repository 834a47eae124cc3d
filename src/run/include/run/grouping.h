#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "datasets/item.h"
#include "run/specification.h"

namespace headroom::run {

/// Where a selected item stands in the run.
struct Place {
  std::uint32_t rank = 0;   ///< in the order of asking, from 0; items of one group may be apart
  std::uint32_t group = 0;  ///< in the order of asking, from 0
  /// Its set of pictures, from 0; each item without pictures has its own, those of one dialogue
  /// together.
  std::uint32_t cluster = 0;
};

/// Gives items to groups: same pictures, in the same order, anywhere in the data. Groups are
/// numbered by first appearance; a full one is followed by another for the same pictures.
/// An item whose history has the answer to an earlier one is in a group after it: of its dialogue
/// and turn alone. Items of a dialogue are never with others; those that need no earlier answer are
/// together. Memory: about 60 bytes for each set of pictures, and each dialogue and turn.
class Grouper {
 public:
  /// `group_size` of 0 counts as 1.
  explicit Grouper(std::uint32_t group_size);
  /// Of the next item in order. Pictures are told apart by path, or by content where the data
  /// carries the bytes; files are not opened.
  Place add(const datasets::Item& item);

  /// What `add` goes by; both empty: no pictures and no dialogue.
  struct Keys {
    std::string group;    ///< shared by what may be asked together
    std::string cluster;  ///< shared by what is about the same pictures; empty: as `group`
  };

  static Keys keys_of(const datasets::Item& item);
  Place add(const Keys& keys);

  std::uint32_t groups() const { return groups_; }

  std::uint32_t items() const { return items_; }

  /// What tells pictures apart; empty without pictures.
  static std::string pictures_key(const datasets::Item& item);

 private:
  struct Open {
    std::uint32_t group = 0;
    std::uint32_t size = 0;
    std::uint32_t cluster = 0;
  };

  std::uint32_t group_size_;
  std::uint32_t groups_ = 0;
  std::uint32_t items_ = 0;
  std::uint32_t clusters_ = 0;
  std::unordered_map<std::string, Open> open_;
  std::unordered_map<std::string, std::uint32_t> dialogue_clusters_;
};

/// The items that a specification takes from a data set, and where each stands.
struct Selection {
  std::uint64_t data_items =
      0;  ///< read from the data; with a limit and no shuffle, at most its end
  std::vector<std::uint32_t>
      positions;              ///< in the data, from 0, ascending; one for each item taken
  std::vector<Place> places;  ///< of the same items
  std::uint32_t groups = 0;
  std::string system;  ///< Specification::system, which for_each_selected puts in front
  std::vector<std::string> notices;  ///< the reader's, of what it has read: DatasetReader::notices
};

/// Reads the data once (twice with `shuffle`), opens no picture.
/// Order: the file's, or with `shuffle` a Fisher-Yates permutation by mt19937_64(seed), the same on
/// every machine, or with `in_sample_order` that of `sample_ids`. `limit` takes a range of that
/// order, then `sample_ids` filters by id. Memory: while it reads about 100 bytes an item and 150 a
/// set of pictures (200,000 items in 40,000 sets: 27 MiB), afterwards 16 an item. Throws
/// UsageError: "E-DATA-EMPTY" nothing to ask (with the counts), "E-DUPLICATE-ID" (id, both lines),
/// "E-SAMPLE-ID" unknown ids (all listed, nearest spelling); and what the reader throws.
Selection select(const datasets::Dataset& dataset, const Specification& spec);

/// One more pass: gives the selected items, in the data's order, each with its place. Throws
/// UsageError("E-DATA-CHANGED") when the data has fewer items than were selected.
void for_each_selected(const datasets::Dataset& dataset,
                       const Selection& selection,
                       const std::function<void(datasets::Item&&, const Place&)>& visit);

}  // namespace headroom::run
