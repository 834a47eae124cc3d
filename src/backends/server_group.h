#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "chat_request.h"
#include "worker/messages.h"

namespace headroom::backends {

/// One question on its way to an answer.
struct ServerQuestion {
  enum class State { kOpen, kFlying, kSettled };
  std::size_t item = 0;  ///< index into the request's
  State state = State::kOpen;
  int attempts = 0;   ///< that came to an end
  Duration spent{0};  ///< of its time
  TimePoint not_before{};
  std::optional<std::size_t> failed_at;  ///< endpoint of the last attempt, when that failed
  std::string last_failure;
  LimitName limit = LimitName::kMaxTokens;  ///< as it was sent last
};

/// A group that a server is asked: what of it is open, in flight and answered. Pure bookkeeping.
class ServerGroup {
 public:
  /// `pictures`: as data URLs; where one cannot be read, an empty one.
  ServerGroup(worker::AskRequest request, std::vector<std::string> pictures);

  const worker::AskRequest& request() const { return request_; }

  const std::vector<std::string>& pictures() const { return pictures_; }

  std::vector<ServerQuestion>& questions() { return questions_; }

  const worker::AskItem& item(const ServerQuestion& question) const {
    return request_.items[question.item];
  }

  /// The first that may be asked now; null: none.
  ServerQuestion* next(TimePoint now);
  /// When the next one may be, if none may now; TimePoint::max(): none waits.
  TimePoint next_change() const;

  std::size_t flying() const { return flying_; }

  void begin(ServerQuestion& question);
  /// It came back without an outcome.
  void reopen(ServerQuestion& question);
  void settle(ServerQuestion& question, worker::Answer&& answer);

  /// Every question has its outcome.
  bool settled() const { return settled_ == questions_.size(); }

  /// An answer came: the pictures are in the endpoint's prompt cache.
  bool warm() const { return warm_; }

  /// What was settled and not taken yet, in the order it came.
  std::optional<worker::Answer> take();

  /// For one question; 0: no limit.
  Duration time_for_one() const;
  /// Bytes that it holds.
  std::uint64_t bytes() const;

  /// Where its questions go; empty: not decided.
  std::optional<std::size_t> endpoint;

 private:
  worker::AskRequest request_;
  std::vector<std::string> pictures_;
  std::vector<ServerQuestion> questions_;
  std::deque<worker::Answer> ready_;
  std::size_t flying_ = 0;
  std::size_t settled_ = 0;
  bool warm_ = false;
};

}  // namespace headroom::backends
