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
#include "held_turn.h"
#include "models/loaded_model.h"
#include "models/prompt.h"
#include "picture_shelf.h"
#include "worker/messages.h"

namespace headroom::mlx_worker {

/// The outcome, code and words of an exception that ended an item.
void describe_failure(const std::exception_ptr& failure, worker::Answer& answer);

/// Whether the one item of `request` may go on from `held`, by what is known before any picture is
/// decoded.
bool may_continue(const worker::AskRequest& request,
                  const std::string& pictures_key,
                  const HeldTurn& held);

/// Answers the items of one group: pictures encoded once, prompts built, all generated together.
/// Used once. Thread: MLX thread.
class GroupAsker {
 public:
  using Give = std::function<void(worker::Answer&&)>;
  using MakePictures = std::function<std::vector<ShelfPicture>()>;

  /// Borrows everything.
  GroupAsker(models::LoadedModel& model,
             const worker::AskRequest& request,
             const engine::Guard& guard,
             const Clock& clock);

  /// One answer for each item, in any order, without readings. Never throws for what the items, the
  /// pictures, the model or the guard bring about: each such thing ends as answers.
  void ask(std::vector<ShelfPicture>&& pictures, double preprocess_seconds, const Give& give);
  /// The same for a request that may go on from `held` (may_continue). Where its prompt does not,
  /// or needs a picture's features anew, what is held is dropped, and only then `pictures` is
  /// called.
  void ask(HeldTurn&& held, const MakePictures& pictures, const Give& give);

  /// What the request's limits want to be held, after it was answered; else empty. Called once.
  std::optional<HeldTurn> take_held(std::string pictures_key);

 private:
  struct Open {
    const worker::AskItem* item = nullptr;
    worker::Answer answer;
    engine::Sequence sequence;
  };

  void build_all();
  void answer_open();
  bool reuses() const;
  bool holds() const;
  void drop_pixels();
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
  std::optional<engine::HeldCache> cache_;  // of the turn before; afterwards of this one
  worker::PhaseSeconds shared_;             // of the group; divided among its items
  Give give_;
};

}  // namespace headroom::mlx_worker
