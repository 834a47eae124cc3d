#include "run/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/errors.h"
#include "datasets/system_message.h"
#include "run/grouping.h"
#include "run/model_hash.h"

namespace headroom::run {

namespace {

constexpr std::size_t kListed = 20;
constexpr std::size_t kBatch = 1000;

/// A run that was begun without reading its data to their end goes on without it, too: what comes
/// later was never looked at.
bool stops_early(const Specification& spec) { return spec.limit && !spec.shuffle; }

bool takes_whole_data(const Specification& spec) { return !spec.limit && spec.sample_ids.empty(); }

bool same_pictures(const datasets::Item& a, const datasets::Item& b) {
  if (a.pictures.size() != b.pictures.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.pictures.size(); ++i) {
    if (a.pictures[i].path != b.pictures[i].path || a.pictures[i].name != b.pictures[i].name) {
      return false;
    }
  }
  return true;
}

/// Whether everything that is no part of the hash is the same too.
bool same_surroundings(const datasets::Item& a, const datasets::Item& b) {
  return a.line == b.line && a.question == b.question && a.defect == b.defect &&
         a.truth.references == b.truth.references && a.truth.answer_type == b.truth.answer_type &&
         a.truth.question_type == b.truth.question_type && a.truth.chosen == b.truth.chosen &&
         a.truth.facts == b.truth.facts && a.arm == b.arm && a.dialogue == b.dialogue &&
         a.turn == b.turn && same_pictures(a, b);
}

/// Whether its history has the answer to an item that is asked anew.
bool follows_any(const datasets::Item& item, const std::set<std::string>& anew) {
  for (const Message& message : item.conversation) {
    for (const Part& part : message.parts) {
      if (part.kind == Part::Kind::kAnswer && anew.contains(part.text)) {
        return true;
      }
    }
  }
  return false;
}

/// One pass over data and journal.
struct Comparison {
  DataDifference difference;
  std::vector<std::string> unreferenced;  ///< ids that have no references any more
  std::vector<ItemRecord> replaced;       ///< places as in the journal
  std::vector<ItemRecord> added;          ///< places not given yet
  std::vector<std::int64_t> removed;
  std::vector<bool> touched;  ///< by seq
  std::uint64_t touched_count = 0;
  std::int64_t next_seq = 0;
};

bool without_truth(const scoring::Truth& truth) {
  return truth.references.empty() && truth.facts.empty();
}

Comparison compare(const JournalReader& journal, const datasets::Dataset& dataset, bool keep) {
  Comparison result;
  std::vector<bool> seen;
  journal.for_each_item([&](const ItemRecord& item) {
    result.next_seq = item.seq + 1;
    seen.resize(static_cast<std::size_t>(item.seq) + 1, true);
    seen[static_cast<std::size_t>(item.seq)] = false;
  });
  result.touched.resize(seen.size());
  const Specification spec = journal.run().spec;
  const bool whole = takes_whole_data(spec);
  std::uint64_t unseen = journal.item_count();
  const auto reader = dataset.open();
  datasets::ItemHasher hasher;
  std::set<std::string> anew;  // turns come after those that they need
  while (unseen > 0 || !stops_early(spec)) {
    std::optional<datasets::Item> item = reader->next();
    if (!item) {
      break;
    }
    std::optional<ItemRecord> known = journal.find_item(item->id);
    if (!known) {
      if (whole) {
        result.difference.added.push_back(item->id);
        if (keep) {
          const std::string hash = hasher.hash(*item);
          result.added.push_back({0, {}, hash, std::move(*item)});
        }
      }
      continue;
    }
    const auto index = static_cast<std::size_t>(known->seq);
    if (seen[index]) {
      throw UsageError("E-DUPLICATE-ID",
                       fmt::format("id '{}' stands twice in the data, the second time in line {}; "
                                   "ids must differ",
                                   item->id,
                                   item->line));
    }
    seen[index] = true;
    --unseen;
    const std::string hash = hasher.hash(*item);
    if (hash != known->hash || follows_any(*item, anew)) {
      anew.insert(item->id);
      result.difference.changed.push_back(item->id);
      if (keep) {
        result.replaced.push_back({known->seq, known->place, hash, std::move(*item)});
      }
    } else if (!same_surroundings(*item, known->item)) {
      if (without_truth(item->truth) && !without_truth(known->item.truth)) {
        result.unreferenced.push_back(item->id);
      }
      result.touched[index] = true;
      ++result.touched_count;
    }
  }
  journal.for_each_item([&](const ItemRecord& item) {
    if (!seen[static_cast<std::size_t>(item.seq)]) {
      result.difference.removed.push_back(item.item.id);
      result.removed.push_back(item.seq);
    }
  });
  return result;
}

std::string listed(std::string_view what, const std::vector<std::string>& ids) {
  if (ids.empty()) {
    return {};
  }
  const std::vector<std::string> head(
      ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), kListed)));
  std::string text = fmt::format("; {} {}: {}", ids.size(), what, fmt::join(head, ", "));
  if (ids.size() > kListed) {
    text += fmt::format(" and {} more", ids.size() - kListed);
  }
  return text;
}

/// Gives the new and changed items groups after the last one, and their old cluster where their set
/// of pictures was there before.
void place_anew(const JournalReader& journal, Comparison& comparison, std::uint32_t group_size) {
  std::unordered_map<std::string, std::uint32_t> clusters;
  std::uint32_t next_group = 0;
  std::uint32_t next_cluster = 0;
  journal.for_each_item([&](const ItemRecord& item) {
    next_group = std::max(next_group, item.place.group + 1);
    next_cluster = std::max(next_cluster, item.place.cluster + 1);
    if (!item.item.pictures.empty()) {
      datasets::Item with_bytes = item.item;
      journal.load_pictures(with_bytes);
      clusters.emplace(Grouper::pictures_key(with_bytes), item.place.cluster);
    }
  });
  Grouper grouper(group_size);
  const auto place = [&](ItemRecord& record) {
    const Place fresh = grouper.add(record.item);
    record.place.group = next_group + fresh.group;
    const auto known = clusters.find(Grouper::pictures_key(record.item));
    record.place.cluster = known == clusters.end() ? next_cluster + fresh.cluster : known->second;
  };
  for (ItemRecord& record : comparison.replaced) {
    place(record);
  }
  for (ItemRecord& record : comparison.added) {
    record.seq = comparison.next_seq++;
    place(record);
  }
}

/// References, names and lines as the data has them now.
void take_over_surroundings(Journal& journal,
                            const datasets::Dataset& dataset,
                            const Comparison& comparison) {
  Journal::DataChange change;
  const auto flush = [&] {
    if (!change.touched.empty()) {
      journal.change_data(change);
      change.touched.clear();
    }
  };
  const auto reader = dataset.open();
  std::uint64_t left = comparison.touched_count;
  while (left > 0) {
    std::optional<datasets::Item> item = reader->next();
    if (!item) {
      break;
    }
    std::optional<ItemRecord> known = journal.find_item(item->id);
    const bool touched = known &&
                         static_cast<std::size_t>(known->seq) < comparison.touched.size() &&
                         comparison.touched[static_cast<std::size_t>(known->seq)];
    if (touched) {
      --left;
      change.touched.push_back({known->seq, known->place, known->hash, std::move(*item)});
    }
    if (change.touched.size() == kBatch) {
      flush();
    }
  }
  flush();
}

/// "cuda" of "cuda: NVIDIA H100": two cards of one kind are taken for the same.
std::string device_kind(const std::string& device) { return device.substr(0, device.find(':')); }

std::string engine_text(const ModelRecord& model) {
  return fmt::format("{} {} on {} in {}, model {}",
                     model.engine,
                     model.engine_version,
                     model.device,
                     model.dtype,
                     model.spec.hash.substr(0, 8));
}

}  // namespace

void register_items(Journal& journal,
                    const datasets::Dataset& dataset,
                    const Selection& selection) {
  journal.add_items([&](const std::function<void(const ItemRecord&)>& store) {
    datasets::ItemHasher hasher;
    for_each_selected(dataset, selection, [&](datasets::Item&& item, const Place& place) {
      std::string hash = hasher.hash(item);
      store({place.rank, place, std::move(hash), std::move(item)});
    });
  });
}

DataDifference resume_data(Journal& journal, const datasets::Dataset& given, bool force) {
  const datasets::Dataset dataset = datasets::with_system(given, journal.run().spec.system);
  Comparison comparison = compare(journal, dataset, force);
  const DataDifference& difference = comparison.difference;
  if ((!difference.empty() || !comparison.unreferenced.empty()) && !force) {
    throw UsageError(
        "E-DATA-CHANGED",
        fmt::format("{}: the data is not what this run was begun with{}{}{}{}; put it back, start "
                    "a new run, or take it as it is now, asking exactly the changed and added "
                    "items, with --force",
                    dataset.path.string(),
                    listed("changed", difference.changed),
                    listed("added", difference.added),
                    listed("removed", difference.removed),
                    listed("without their references", comparison.unreferenced)));
  }
  if (!difference.empty()) {
    place_anew(journal, comparison, journal.run().spec.group_size);
    Journal::DataChange change;
    change.replaced = std::move(comparison.replaced);
    change.added = std::move(comparison.added);
    change.removed = std::move(comparison.removed);
    journal.change_data(change);
  }
  if (comparison.touched_count > 0) {
    take_over_surroundings(journal, dataset, comparison);
  }
  return comparison.difference;
}

bool resume_model(Journal& journal, std::uint32_t model, bool force) {
  const ModelSpec spec = journal.run().spec.models.at(model);
  if (spec.engine == "server") {
    return false;  // it is asked who it is before anything else is asked
  }
  const ModelFingerprint now = fingerprint_of(spec);
  if (now.hash == spec.hash) {
    return false;
  }
  if (journal.count_answers(model) == 0) {  // a broken model that was mended, for one
    journal.set_fingerprint(model, now);
    return false;
  }
  if (force) {
    journal.set_fingerprint(model, now);
    return true;
  }
  std::vector<std::string> changed;
  for (const auto& [name, hash] : spec.files) {
    const auto found = now.files.find(name);
    if (found == now.files.end()) {
      changed.push_back(name + " (gone)");
    } else if (found->second != hash) {
      changed.push_back(name + " (changed)");
    }
  }
  for (const auto& [name, hash] : now.files) {
    if (spec.files.count(name) == 0) {
      changed.push_back(name + " (new)");
    }
  }
  throw UsageError("E-MODEL-CHANGED",
                   fmt::format("{}: the model is not what this run was begun with: {}; put it "
                               "back, start a new run, or go on with it by --force",
                               spec.folder,
                               spec.files.empty() ? "another content hash"
                                                  : fmt::format("{}", fmt::join(changed, ", "))));
}

bool same_engine(const ModelRecord& before, const ModelRecord& now) {
  return before.engine == now.engine && before.engine_version == now.engine_version &&
         device_kind(before.device) == device_kind(now.device) && before.dtype == now.dtype &&
         before.spec.hash == now.spec.hash;
}

std::vector<EarlierEngine> check_engine_unchanged(const ModelRecord& before,
                                                  std::uint64_t answers,
                                                  const ModelRecord& now,
                                                  const std::string& time,
                                                  bool force) {
  std::vector<EarlierEngine> earlier = before.earlier;
  if (before.loads == 0 || answers == 0 || same_engine(before, now)) {
    return earlier;
  }
  if (!force) {
    throw UsageError("E-ENGINE-CHANGED",
                     fmt::format("{}: its {} answers so far are by {}; now it is {}, which may "
                                 "answer otherwise; go on where the run was begun, start a new "
                                 "run, or go on with this one by --force",
                                 now.spec.name,
                                 answers,
                                 engine_text(before),
                                 engine_text(now)));
  }
  earlier.push_back(
      {time, before.engine, before.engine_version, before.device, before.dtype, before.spec.hash});
  return earlier;
}

}  // namespace headroom::run
