#include "run/workload.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/errors.h"
#include "images/decode.h"

namespace headroom::run {

namespace {

/// A survey in progress: each picture's header is read once, each set of sizes kept once.
class Survey {
 public:
  void add(const datasets::Item& item, std::uint32_t group) {
    Group& known = groups_[group];
    const std::uint32_t size = ++known.size;
    facts_.largest_group = std::max(facts_.largest_group, size);
    facts_.text_tokens = std::max(facts_.text_tokens, estimate_text_tokens(item.conversation));
    if (known.surveyed || item.pictures.empty() || !item.defect.empty()) {
      return;  // all items of a group have the same pictures; one with a defect may lack some
    }
    known.surveyed = true;
    std::vector<std::size_t> set;
    for (const datasets::Picture& picture : item.pictures) {
      const worker::PictureSize found = picture_size(picture);
      if (found.width == 0) {
        ++facts_.unreadable;
      } else {
        set.push_back(index_of(found));
      }
    }
    if (!set.empty() && sets_.insert(set).second) {
      facts_.picture_sets.push_back(std::move(set));
    }
  }

  WorkloadFacts take() { return std::move(facts_); }

 private:
  struct Group {
    std::uint32_t size = 0;
    bool surveyed = false;
  };

  std::size_t index_of(const worker::PictureSize& size) {
    const auto [entry, fresh] =
        indices_.emplace(std::pair(size.width, size.height), facts_.sizes.size());
    if (fresh) {
      facts_.sizes.push_back(size);
    }
    return entry->second;
  }

  WorkloadFacts facts_;
  std::unordered_map<std::uint32_t, Group> groups_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> indices_;
  std::set<std::vector<std::size_t>> sets_;
};

}  // namespace

worker::PictureSize picture_size(const datasets::Picture& picture) {
  try {
    const images::Header header = picture.path.empty()
                                      ? images::read_header(picture.bytes, picture.name)
                                      : images::read_file_header(picture.path);
    return {header.width, header.height};
  } catch (const Error&) {
    return {};  // asking says what is wrong with it, as the item's outcome
  }
}

std::uint32_t estimate_text_tokens(const Conversation& conversation) {
  std::size_t bytes = 0;
  for (const Message& message : conversation) {
    for (const Part& part : message.parts) {
      bytes += part.text.size();
    }
  }
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(bytes / 3 + 16 * conversation.size(), 1U << 30U));
}

WorkloadFacts survey_workload(const datasets::Dataset& dataset, const Selection& selection) {
  Survey survey;
  for_each_selected(dataset, selection, [&](const datasets::Item& item, const Place& place) {
    survey.add(item, place.group);
  });
  return survey.take();
}

WorkloadFacts survey_workload(const JournalReader& journal) {
  Survey survey;
  journal.for_each_item([&](ItemRecord&& record) {
    datasets::Item item = std::move(record.item);
    journal.load_pictures(item);
    survey.add(item, record.place.group);
  });
  return survey.take();
}

std::vector<memory::PictureCost> hardest_pictures(const WorkloadFacts& facts,
                                                  const std::vector<memory::PictureCost>& costs) {
  const std::vector<std::size_t>* hardest = nullptr;
  std::pair<Bytes, std::uint64_t> most;
  for (const std::vector<std::size_t>& set : facts.picture_sets) {
    std::pair<Bytes, std::uint64_t> weight;
    for (const std::size_t index : set) {
      const memory::PictureCost& cost = costs.at(index);
      weight.first = std::max(weight.first, cost.encode);
      weight.second += cost.tokens;
    }
    if (hardest == nullptr || weight > most) {
      hardest = &set;
      most = weight;
    }
  }
  std::vector<memory::PictureCost> result;
  if (hardest != nullptr) {
    for (const std::size_t index : *hardest) {
      result.push_back(costs.at(index));
    }
  }
  return result;
}

std::vector<memory::PictureCost> PictureCosts::of(const std::vector<datasets::Picture>& pictures) {
  std::vector<worker::PictureSize> sizes;
  std::vector<worker::PictureSize> unknown;
  for (const datasets::Picture& picture : pictures) {
    const worker::PictureSize size = picture_size(picture);
    if (size.width == 0) {
      continue;
    }
    sizes.push_back(size);
    if (known_.count({size.width, size.height}) == 0) {
      unknown.push_back(size);
    }
  }
  if (!unknown.empty()) {
    const memory::Geometry geometry = plan_(unknown);
    for (std::size_t i = 0; i < unknown.size(); ++i) {
      known_[{unknown[i].width, unknown[i].height}] = geometry.pictures.at(i);
    }
  }
  std::vector<memory::PictureCost> costs;
  costs.reserve(sizes.size());
  for (const worker::PictureSize& size : sizes) {
    costs.push_back(known_[{size.width, size.height}]);
  }
  return costs;
}

}  // namespace headroom::run
