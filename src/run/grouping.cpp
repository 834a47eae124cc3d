#include "run/grouping.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <unordered_set>
#include <utility>

#include "base/errors.h"
#include "base/hash.h"
#include "base/spelling.h"
#include "datasets/system_message.h"

namespace headroom::run {

namespace {

/// Ids seen so far, by 64 bits of their content: two of 200,000 ids meet by chance once in a
/// billion data sets.
class SeenIds {
 public:
  /// The line of the earlier item of this id, or 0.
  std::uint64_t add(const std::string& id, std::uint64_t line) {
    const std::uint64_t key = std::stoull(content_hash(id).substr(0, 16), nullptr, 16);
    const auto [entry, fresh] = lines_.emplace(key, line);
    return fresh ? 0 : entry->second;
  }

 private:
  std::unordered_map<std::uint64_t, std::uint64_t> lines_;
};

/// Ranks of the positions 0..count-1. Spelt out, because std::shuffle differs between libraries.
std::vector<std::uint32_t> shuffled_ranks(std::uint32_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::mt19937_64 random(seed);
  for (std::uint32_t i = count; i > 1; --i) {
    // Modulo of 64 bits: a bias below 2^-32 for 32-bit counts.
    std::swap(order[i - 1], order[static_cast<std::size_t>(random() % i)]);
  }
  std::vector<std::uint32_t> ranks(count);
  for (std::uint32_t rank = 0; rank < count; ++rank) {
    ranks[order[rank]] = rank;
  }
  return ranks;
}

struct Candidate {
  std::uint32_t position = 0;
  std::uint32_t rank = 0;
  std::uint32_t key = 0;  ///< index into the keys; kNone: no pictures and no dialogue
};

constexpr std::uint32_t kNone = ~0U;

/// One pass over the data, collecting what may be taken.
class Collector {
 public:
  explicit Collector(const Specification& spec) : spec_(spec) {
    wanted_.insert(spec.sample_ids.begin(), spec.sample_ids.end());
    missing_ = wanted_;
    for (std::uint32_t i = 0; spec.in_sample_order && i < spec.sample_ids.size(); ++i) {
      sample_ranks_.emplace(spec.sample_ids[i], i);
    }
  }

  void add(const datasets::Item& item) {
    if (count_ == kNone) {
      throw UsageError("E-DATA-SIZE", "more than 4,294,967,294 items: split the data");
    }
    const std::uint32_t position = count_++;
    if (const std::uint64_t line = seen_.add(item.id, item.line); line != 0) {
      throw UsageError("E-DUPLICATE-ID",
                       fmt::format("id '{}' stands in line {} and in line {}; ids must differ",
                                   item.id,
                                   line,
                                   item.line));
    }
    missing_.erase(item.id);
    if (near_.size() < kNear && !wanted_.empty()) {
      near_.push_back(item.id);
    }
    const bool in_range = spec_.shuffle || !spec_.limit ||
                          (position + 1ULL >= spec_.limit->first && position < spec_.limit->last);
    if (in_range && (wanted_.empty() || wanted_.count(item.id) != 0)) {
      const auto listed = sample_ranks_.find(item.id);
      candidates_.push_back(
          {position, listed == sample_ranks_.end() ? position : listed->second, key_of(item)});
    }
  }

  /// Whether nothing after this item can matter.
  bool complete() const {
    return !spec_.shuffle && spec_.limit && count_ >= spec_.limit->last && missing_.empty();
  }

  std::uint32_t count() const { return count_; }

  std::vector<Candidate>& candidates() { return candidates_; }

  const std::vector<Grouper::Keys>& keys() const { return keys_; }

  void require_all_ids() const {
    if (missing_.empty()) {
      return;
    }
    std::vector<std::string> list(missing_.begin(), missing_.end());
    std::sort(list.begin(), list.end());
    throw UsageError("E-SAMPLE-ID",
                     fmt::format("--sample-id: {} not in the data ({} items): {}{}",
                                 list.size() == 1 ? "this id is" : "these ids are",
                                 count_,
                                 fmt::join(list, ", "),
                                 did_you_mean(list.front(), near_)));
  }

 private:
  static constexpr std::size_t kNear = 10'000;

  std::uint32_t key_of(const datasets::Item& item) {
    Grouper::Keys keys = Grouper::keys_of(item);
    if (keys.group.empty()) {
      return kNone;
    }
    const auto [entry, fresh] =
        key_index_.emplace(keys.group, static_cast<std::uint32_t>(keys_.size()));
    if (fresh) {
      keys_.push_back(std::move(keys));
    }
    return entry->second;
  }

  const Specification& spec_;
  std::uint32_t count_ = 0;
  SeenIds seen_;
  std::unordered_set<std::string> wanted_;
  std::unordered_set<std::string> missing_;
  std::unordered_map<std::string, std::uint32_t> sample_ranks_;  ///< empty: the data's order counts
  std::vector<std::string> near_;
  std::vector<Candidate> candidates_;
  std::unordered_map<std::string, std::uint32_t> key_index_;
  std::vector<Grouper::Keys> keys_;
};

void apply_shuffle(std::vector<Candidate>& candidates,
                   std::uint32_t count,
                   const Specification& spec) {
  const std::vector<std::uint32_t> ranks = shuffled_ranks(count, spec.seed);
  for (Candidate& candidate : candidates) {
    candidate.rank = ranks[candidate.position];
  }
  if (spec.limit) {
    std::erase_if(candidates, [&](const Candidate& c) {
      return c.rank + 1ULL < spec.limit->first || c.rank >= spec.limit->last;
    });
  }
}

}  // namespace

Grouper::Grouper(std::uint32_t group_size) : group_size_(std::max(group_size, 1U)) {}

std::string Grouper::pictures_key(const datasets::Item& item) {
  if (item.pictures.empty()) {
    return {};
  }
  Hasher hasher;
  for (const datasets::Picture& picture : item.pictures) {
    // A path and the bytes that it might hold are never one picture here: the file is not read.
    hasher.update_field(picture.path.empty() ? "bytes" : "path");
    hasher.update_field(picture.path.empty() ? std::string_view(picture.bytes)
                                             : std::string_view(picture.path.native()));
  }
  return hasher.hex();
}

Grouper::Keys Grouper::keys_of(const datasets::Item& item) {
  std::string pictures = pictures_key(item);
  if (item.dialogue.empty()) {
    return {std::move(pictures), {}};
  }
  if (pictures.empty()) {
    pictures = "dialogue " + item.dialogue;
  }
  Hasher hasher;
  hasher.update_field(pictures);
  hasher.update_field(item.dialogue);
  hasher.update_field(needs_earlier_answer(item.conversation) ? std::to_string(item.turn) : "");
  return {hasher.hex(), std::move(pictures)};
}

Place Grouper::add(const datasets::Item& item) { return add(keys_of(item)); }

Place Grouper::add(const Keys& keys) {
  // Questions without pictures share nothing, but are asked together.
  const auto [entry, fresh] = open_.try_emplace(keys.group);
  Open& open = entry->second;
  if (keys.group.empty() || (fresh && keys.cluster.empty())) {
    open.cluster = clusters_++;
  } else if (fresh) {
    open.cluster = dialogue_clusters_.try_emplace(keys.cluster, clusters_).first->second;
    clusters_ = std::max(clusters_, open.cluster + 1);
  }
  if (fresh || open.size == group_size_) {
    open.group = groups_++;
    open.size = 0;
  }
  ++open.size;
  return {items_++, open.group, open.cluster};
}

Selection select(const datasets::Dataset& dataset, const Specification& spec) {
  Collector collector(spec);
  const std::unique_ptr<datasets::DatasetReader> reader = dataset.open();
  while (std::optional<datasets::Item> item = reader->next()) {
    collector.add(*item);
    if (collector.complete()) {
      break;
    }
  }
  collector.require_all_ids();
  std::vector<Candidate>& candidates = collector.candidates();
  if (spec.shuffle) {
    apply_shuffle(candidates, collector.count(), spec);
  }
  if (candidates.empty()) {
    throw UsageError(
        "E-DATA-EMPTY",
        fmt::format("{}: nothing to ask: {} items{}{}",
                    dataset.path.string(),
                    collector.count(),
                    spec.limit ? fmt::format(", --limit {}", to_string(*spec.limit)) : "",
                    spec.sample_ids.empty()
                        ? std::string()
                        : fmt::format(", {} given by --sample-id", spec.sample_ids.size())));
  }
  std::vector<std::uint32_t> by_rank(candidates.size());
  std::iota(by_rank.begin(), by_rank.end(), 0U);
  std::sort(by_rank.begin(), by_rank.end(), [&](std::uint32_t a, std::uint32_t b) {
    return candidates[a].rank < candidates[b].rank;
  });
  Selection selection;
  selection.system = spec.system;
  selection.data_items = collector.count();
  selection.places.resize(candidates.size());
  selection.positions.resize(candidates.size());
  Grouper grouper(spec.group_size);
  const Grouper::Keys none;
  for (const std::uint32_t index : by_rank) {
    const std::uint32_t key = candidates[index].key;
    selection.positions[index] = candidates[index].position;
    selection.places[index] = grouper.add(key == kNone ? none : collector.keys()[key]);
  }
  selection.groups = grouper.groups();
  selection.notices = reader->notices();
  return selection;
}

void for_each_selected(const datasets::Dataset& dataset,
                       const Selection& selection,
                       const std::function<void(datasets::Item&&, const Place&)>& visit) {
  const std::unique_ptr<datasets::DatasetReader> reader = dataset.open();
  std::uint32_t position = 0;
  std::size_t next = 0;
  while (next < selection.positions.size()) {
    std::optional<datasets::Item> item = reader->next();
    if (!item) {
      throw UsageError("E-DATA-CHANGED",
                       fmt::format("{}: has {} items now, had {} a moment ago; start again",
                                   dataset.path.string(),
                                   position,
                                   selection.data_items));
    }
    if (position == selection.positions[next]) {
      datasets::put_system(item->conversation, selection.system);
      visit(std::move(*item), selection.places[next]);
      ++next;
    }
    ++position;
  }
}

}  // namespace headroom::run
