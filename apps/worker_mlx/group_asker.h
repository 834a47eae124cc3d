#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/generate.h"
#include "engine/guard.h"
#include "models/loaded_model.h"
#include "models/prompt.h"
#include "picture_shelf.h"
#include "worker/messages.h"

namespace headroom::mlx_worker {

/// The outcome, code and words of an exception that ended an item.
void describe_failure(const std::exception_ptr& failure, worker::Answer& answer);

/// Answers the items of one group: pictures encoded once, prompts built, all generated together.
/// Used once. Thread: MLX thread.
class GroupAsker {
 public:
  /// Borrows everything.
  GroupAsker(models::LoadedModel& model,
             const worker::AskRequest& request,
             const engine::Guard& guard,
             const Clock& clock);

  /// One answer for each item, in any order, without readings. Never throws for what the items, the
  /// pictures, the model or the guard bring about: each such thing ends as answers.
  void ask(std::vector<ShelfPicture>&& pictures,
           double preprocess_seconds,
           const std::function<void(worker::Answer&&)>& give);

 private:
  struct Open {
    const worker::AskItem* item = nullptr;
    worker::Answer answer;
    engine::Sequence sequence;
  };

  void place_pictures();
  void build(const worker::AskItem& item);
  std::optional<engine::mx::array> encode();
  void release_vision();
  std::string reductions(const std::set<std::size_t>& pictures) const;
  void generate(const engine::mx::array* features);
  void finish(Open& open, engine::Continuation&& continuation);
  void fail_open(const std::exception_ptr& failure);
  void hand_over(Open& open);

  models::LoadedModel& model_;
  const models::LoadedModel::Text& text_;
  const worker::AskRequest& request_;
  const engine::Guard& guard_;
  const Clock& clock_;
  std::vector<ShelfPicture> pictures_;
  std::vector<models::PlacedPicture> placed_;
  std::vector<Open> open_;
  worker::PhaseSeconds shared_;  // of the group; divided among its items
  std::function<void(worker::Answer&&)> give_;
};

}  // namespace headroom::mlx_worker
