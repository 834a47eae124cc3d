#include "endpoint.h"

namespace headroom::backends {

bool Endpoint::found() {
  const bool news = state_ == State::kDown;
  if (news) {
    state_ = State::kUp;
  }
  failures_ = 0;
  return news;
}

void Endpoint::answered() {
  failures_ = 0;
  pause_ = first_pause_;
}

bool Endpoint::missing(TimePoint now) {
  if (state_ == State::kRemoved) {
    return false;
  }
  const bool news = state_ == State::kUp;
  if (news || now >= look_at_) {  // several requests may say so of one moment
    look_at_ = now + pause_;
    pause_ = std::min(pause_ * 2, longest_pause_);
  }
  state_ = State::kDown;
  failures_ = 0;
  return news;
}

bool Endpoint::failed(TimePoint now, bool others) {
  return ++failures_ >= kFailures && others && missing(now);
}

TimePoint Endpoint::next_change(TimePoint now) const {
  if (state_ == State::kDown && !looking_) {
    return look_at_;
  }
  return state_ == State::kUp && quiet_until_ > now ? quiet_until_ : TimePoint::max();
}

}  // namespace headroom::backends
