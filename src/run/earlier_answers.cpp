#include "earlier_answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/outcome.h"

namespace headroom::run {

namespace {

/// The answer by this model to an item, or how that ended without one.
struct Earlier {
  std::optional<std::string> text;
  std::string why;
  std::string code;  ///< of its failure
};

Earlier earlier_answer(const JournalReader& journal, std::uint32_t model, const std::string& id) {
  const std::optional<ItemRecord> item = journal.find_item(id);
  if (!item) {
    return {std::nullopt,
            fmt::format("its history needs the answer to item {}, which is not in this run", id),
            {}};
  }
  const std::optional<AnswerRecord> record = journal.find_answer(model, item->seq);
  if (record && record->answer.outcome == Outcome::kAnswered) {
    return {record->answer.text, {}, {}};
  }
  const std::string turn =
      item->item.turn == 0
          ? fmt::format("item {}", id)
          : fmt::format("turn {} of {} (item {})", item->item.turn, item->item.dialogue, id);
  if (!record) {
    return {std::nullopt, fmt::format("{} has not been asked", turn), {}};
  }
  return {std::nullopt,
          fmt::format("{} has no answer: it ended as {} ({}): {}",
                      turn,
                      to_string(record->answer.outcome),
                      record->answer.error_code,
                      record->answer.error),
          record->answer.error_code};
}

/// Puts the answers into their places. Returns the first that is missing.
std::optional<Earlier> fill(const JournalReader& journal,
                            std::uint32_t model,
                            Conversation& conversation) {
  for (Message& message : conversation) {
    for (Part& part : message.parts) {
      if (part.kind != Part::Kind::kAnswer) {
        continue;
      }
      Earlier earlier = earlier_answer(journal, model, part.text);
      if (!earlier.text) {
        return earlier;
      }
      part = Part::of_text(std::move(*earlier.text));
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<MissingTurn> put_earlier_answers(const JournalReader& journal,
                                             std::uint32_t model,
                                             OpenGroup& group) {
  std::vector<MissingTurn> missing;
  for (ItemRecord& record : group.items) {
    if (!record.item.defect.empty() || !needs_earlier_answer(record.item.conversation)) {
      continue;
    }
    std::optional<Earlier> lacking = fill(journal, model, record.item.conversation);
    const auto asked = std::find_if(
        group.request.items.begin(), group.request.items.end(), [&](const worker::AskItem& item) {
          return item.id == record.item.id;
        });
    if (!lacking) {
      asked->conversation = record.item.conversation;
      continue;
    }
    group.request.items.erase(asked);
    const bool for_picture = lacking->code == kPictureNeeded && record.item.pictures.empty();
    missing.push_back({&record,
                       for_picture ? std::string(kPictureNeeded) : std::string("E-TURN"),
                       std::move(lacking->why)});
  }
  return missing;
}

bool continues(const std::optional<OpenGroup>& next, const OpenGroup& group) {
  if (!next || next->items.empty() || group.items.empty()) {
    return false;
  }
  const datasets::Item& later = next->items.front().item;
  return !later.dialogue.empty() && later.dialogue == group.items.front().item.dialogue &&
         needs_earlier_answer(later.conversation);
}

}  // namespace headroom::run
