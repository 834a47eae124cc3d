#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "open_group.h"
#include "run/journal.h"

namespace headroom::run {

/// An item that cannot be asked, because an answer that its history needs is not there.
struct MissingTurn {
  const ItemRecord* item = nullptr;  ///< into the group
  /// "E-TURN"; of an item without a picture kPictureNeeded, when the turn that it needs ended so.
  std::string code;
  std::string why;  ///< which turn, and how it ended
};

/// Puts what `model` answered to earlier items into the histories of a group's items: afterwards
/// neither `group.items` nor `group.request` has an answer part, but for the items returned, which
/// are taken out of the request. To be called when the group is asked: before, the answers may not
/// be in the journal.
std::vector<MissingTurn> put_earlier_answers(const JournalReader& journal,
                                             std::uint32_t model,
                                             OpenGroup& group);

/// Whether `next` continues the dialogue of `group` with its answer, so that what the engine holds
/// of it is of use.
bool continues(const std::optional<OpenGroup>& next, const OpenGroup& group);

}  // namespace headroom::run
