#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "worker/messages.h"

namespace headroom::backends {

/// What is left of one group while engines die under it, and whom to blame. At first the whole
/// group is asked as its limits say. After a death the rest is asked one by one in order, so that
/// the next death points at the first unanswered item; that one is then asked alone, until it is
/// answered or has had its deaths. Pure bookkeeping; talks to nobody.
class GroupProgress {
 public:
  /// Borrows `request`. `deaths_per_item`: at least 2 for groups, as the first death of a group
  /// blames everybody in it.
  GroupProgress(const worker::AskRequest& request, int deaths_per_item);

  bool done() const { return pending_.empty(); }

  std::size_t pending() const { return pending_.size(); }

  /// From now on.
  void set_limits(const worker::AskLimits& limits) { limits_ = limits; }

  const worker::AskLimits& limits() const { return limits_; }

  /// What to ask now. `done()` must be false.
  worker::AskRequest next() const;
  /// Takes an answer of the engine. False: nobody waits for it (another group, an unknown or
  /// settled item).
  bool accept(const worker::Answer& answer);
  /// The engine died while `next()` was asked. Gives the answer of an item that had its deaths.
  std::vector<worker::Answer> on_death(const Death& death);
  /// Settles what is left of the items that `part` asked.
  std::vector<worker::Answer> fail_rest_of(const worker::AskRequest& part,
                                           Outcome outcome,
                                           const std::string& code,
                                           const std::string& error);
  /// Settles everything that is left.
  std::vector<worker::Answer> fail_rest(Outcome outcome,
                                        const std::string& code,
                                        const std::string& error);

  /// The group is no longer asked as its limits say.
  bool careful() const { return mode_ != Mode::kWhole; }

 private:
  enum class Mode { kWhole, kOneByOne, kAlone };

  struct Pending {
    std::size_t item = 0;  ///< index into the request's
    std::vector<Death> deaths;
  };

  worker::Answer failed(const std::string& id,
                        Outcome outcome,
                        const std::string& code,
                        const std::string& error) const;
  worker::Answer given_up(const Pending& pending) const;

  const worker::AskRequest& request_;
  worker::AskLimits limits_;
  std::size_t deaths_per_item_;
  Mode mode_ = Mode::kWhole;
  std::vector<Pending> pending_;  ///< in the request's order; kAlone asks the first
};

}  // namespace headroom::backends
