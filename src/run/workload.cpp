#include "run/workload.h"

#include <algorithm>
#include <bit>
#include <set>
#include <unordered_map>

#include "base/errors.h"
#include "images/decode.h"
#include "run/shared_beginning.h"

namespace headroom::run {

namespace {

PictureKey key_of(const worker::PictureSize& size) {
  return {size.width, size.height, size.decode};
}

/// `bytes` rounded up to five significant bits.
Bytes rounded_up(std::uint64_t bytes) {
  const auto width = static_cast<unsigned>(std::bit_width(bytes));
  const std::uint64_t step = width > 5 ? std::uint64_t{1} << (width - 5) : 1;
  return Bytes((bytes + step - 1) / step * step);
}

/// A survey in progress: each group's pictures are looked at once, each set of sizes kept once.
class Survey {
 public:
  explicit Survey(std::uint32_t answer_tokens) : answer_tokens_(answer_tokens) {}

  void add(const datasets::Item& item, std::uint32_t group) {
    Group& known = groups_[group];
    const std::uint32_t size = ++known.size;
    facts_.largest_group = std::max(facts_.largest_group, size);
    ++facts_.text_tokens[estimate_text_tokens(item.conversation, answer_tokens_)];
    if (!item.defect.empty()) {
      if (++facts_.defects == 1) {
        facts_.first_defect = item.defect;
      }
      return;  // it may lack some of its group's pictures
    }
    const std::uint64_t beginning = pictures_beginning(item.conversation);
    if (!known.surveyed) {
      known.surveyed = true;
      known.unreadable = !survey_pictures(item);
      known.beginning = beginning;
    }
    facts_.share_prefix = facts_.share_prefix && known.beginning == beginning;
    facts_.without_picture += known.unreadable ? 1 : 0;
  }

  WorkloadFacts take() { return std::move(facts_); }

 private:
  struct Group {
    std::uint32_t size = 0;
    bool surveyed = false;
    bool unreadable = false;
    std::uint64_t beginning = 0;  ///< of the first question's prompt, up to its last picture
  };

  /// All items of a group have the same pictures. False when one of them cannot be read.
  bool survey_pictures(const datasets::Item& item) {
    bool readable = true;
    std::string why;
    std::vector<std::size_t> set;
    for (const datasets::Picture& picture : item.pictures) {
      const worker::PictureSize found = picture_size(picture, &why);
      if (found.width == 0) {
        readable = false;
        if (++facts_.unreadable == 1) {
          facts_.unreadable_reason = why;
        }
      } else {
        set.push_back(index_of(found));
      }
    }
    if (!set.empty() && sets_.insert(set).second) {
      facts_.picture_sets.push_back(std::move(set));
    }
    return readable;
  }

  std::size_t index_of(const worker::PictureSize& size) {
    const auto [entry, fresh] = indices_.emplace(key_of(size), facts_.sizes.size());
    if (fresh) {
      facts_.sizes.push_back(size);
    }
    return entry->second;
  }

  std::uint32_t answer_tokens_;
  WorkloadFacts facts_;
  std::unordered_map<std::uint32_t, Group> groups_;
  std::map<PictureKey, std::size_t> indices_;
  std::set<std::vector<std::size_t>> sets_;
};

}  // namespace

bool beyond_context(std::uint32_t text_tokens, std::uint32_t context_tokens) {
  return context_tokens != 0 && text_tokens >= context_tokens;
}

std::uint32_t WorkloadFacts::longest_text(std::uint32_t context_tokens) const {
  std::uint32_t longest = 0;
  for (const auto& [tokens, count] : text_tokens) {
    longest = beyond_context(tokens, context_tokens) ? longest : tokens;
  }
  return longest;
}

std::uint64_t WorkloadFacts::longer_texts(std::uint32_t context_tokens) const {
  std::uint64_t longer = 0;
  for (const auto& [tokens, count] : text_tokens) {
    longer += beyond_context(tokens, context_tokens) ? count : 0;
  }
  return longer;
}

worker::PictureSize picture_size(const datasets::Picture& picture, std::string* why) {
  try {
    const images::Header header = picture.path.empty()
                                      ? images::read_header(picture.bytes, picture.name)
                                      : images::read_file_header(picture.path);
    return {header.width, header.height, rounded_up(header.decode_bytes + header.file_bytes)};
  } catch (const Error& error) {
    if (why != nullptr) {
      *why = error.what();
    }
    return {};  // asking says what is wrong with it, as the item's outcome
  }
}

std::uint32_t estimate_text_tokens(const Conversation& conversation, std::uint32_t answer_tokens) {
  std::size_t bytes = 0;
  std::size_t answers = 0;
  for (const Message& message : conversation) {
    for (const Part& part : message.parts) {
      const bool answer = part.kind == Part::Kind::kAnswer;
      answers += answer ? 1 : 0;
      bytes += answer ? 0 : part.text.size();
    }
  }
  return static_cast<std::uint32_t>(std::min<std::size_t>(
      bytes / 3 + 16 * conversation.size() + answers * std::size_t{answer_tokens}, 1U << 30U));
}

WorkloadFacts survey_workload(const datasets::Dataset& dataset,
                              const Selection& selection,
                              std::uint32_t answer_tokens) {
  Survey survey(answer_tokens);
  for_each_selected(dataset, selection, [&](const datasets::Item& item, const Place& place) {
    survey.add(item, place.group);
  });
  return survey.take();
}

WorkloadFacts survey_workload(const JournalReader& journal) {
  Survey survey(journal.run().spec.max_tokens);
  journal.for_each_item([&](ItemRecord&& record) {
    datasets::Item item = std::move(record.item);
    journal.load_pictures(item);
    survey.add(item, record.place.group);
  });
  return survey.take();
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
    if (known_.count(key_of(size)) == 0) {
      unknown.push_back(size);
    }
  }
  if (!unknown.empty()) {
    const memory::Geometry geometry = plan_(unknown);
    for (std::size_t i = 0; i < unknown.size(); ++i) {
      known_[key_of(unknown[i])] = geometry.pictures.at(i);
    }
  }
  std::vector<memory::PictureCost> costs;
  costs.reserve(sizes.size());
  for (const worker::PictureSize& size : sizes) {
    costs.push_back(known_[key_of(size)]);
  }
  return costs;
}

}  // namespace headroom::run
