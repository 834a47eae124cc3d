#include "group_estimator.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <string>

#include "run/shared_beginning.h"

namespace headroom::run {

std::vector<memory::PictureCost> GroupEstimator::costs(const OpenGroup& group,
                                                       std::uint32_t max_tiles) {
  if (group.request.items.empty()) {
    return {};
  }
  const auto asked = std::find_if(group.items.begin(), group.items.end(), [&](const auto& record) {
    return record.item.id == group.request.items.front().id;
  });
  const auto [entry, fresh] = costs_.try_emplace(
      max_tiles, [this, max_tiles](const std::vector<worker::PictureSize>& sizes) {
        return plan_(sizes, max_tiles);
      });
  return entry->second.of(asked->item.pictures);
}

const std::vector<memory::PictureCost>& GroupEstimator::pictures(const OpenGroup& group) {
  const auto found = known_.find(group.no);
  return found != known_.end() ? found->second
                               : known_.emplace(group.no, costs(group, 0)).first->second;
}

/// The most tiles of one picture halved down to one.
std::vector<memory::FewerTiles> GroupEstimator::with_fewer_tiles(
    const OpenGroup& group, const std::vector<memory::PictureCost>& whole) {
  std::uint32_t most = 0;
  for (const memory::PictureCost& picture : whole) {
    most = std::max(most, picture.tiles);
  }
  std::vector<memory::FewerTiles> fewer;
  for (std::uint32_t tiles = most / 2; tiles >= 1; tiles /= 2) {
    fewer.push_back({tiles, costs(group, tiles)});
  }
  return fewer;
}

std::optional<OpenGroup> GroupEstimator::take_longer(OpenGroup& group) const {
  std::set<std::string> longer;
  for (const worker::AskItem& item : group.request.items) {
    if (beyond_context(estimate_text_tokens(item.conversation, max_tokens_), context_tokens_)) {
      longer.insert(item.id);
    }
  }
  if (longer.empty() || longer.size() == group.request.items.size()) {
    return std::nullopt;
  }
  OpenGroup apart = group;
  const auto is_longer = [&](const auto& item) { return longer.contains(item.id); };
  std::erase_if(apart.request.items, std::not_fn(is_longer));
  std::erase_if(group.request.items, is_longer);
  const auto has_longer = [&](const ItemRecord& record) { return is_longer(record.item); };
  std::erase_if(apart.items, std::not_fn(has_longer));
  std::erase_if(group.items, has_longer);
  return apart;
}

memory::GroupFacts GroupEstimator::of(const OpenGroup& group,
                                      const std::optional<OpenGroup>& next) {
  known_.erase(known_.begin(), known_.lower_bound(group.no));
  memory::GroupFacts facts;
  facts.id = group.request.group;
  facts.questions = static_cast<std::uint32_t>(group.request.items.size());
  facts.max_tokens = max_tokens_;
  std::vector<const Conversation*> asked;
  for (const worker::AskItem& item : group.request.items) {
    asked.push_back(&item.conversation);
    facts.text_tokens =
        std::max(facts.text_tokens, estimate_text_tokens(item.conversation, max_tokens_));
  }
  facts.beyond_context = beyond_context(facts.text_tokens, context_tokens_);
  const SharedBeginning shared = shared_beginning(asked);
  facts.shared_text_tokens = shared.text_tokens;
  facts.share_prefix = shared.with_pictures;
  facts.pictures = pictures(group);
  facts.ahead = next ? pictures(*next) : std::vector<memory::PictureCost>();
  if (fewer_tiles_) {
    facts.fewer_tiles = with_fewer_tiles(group, facts.pictures);
  }
  return facts;
}

}  // namespace headroom::run
