#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace headroom::backends {

/// Whether one endpoint may be asked now. Pure bookkeeping; talks to nobody.
class Endpoint {
 public:
  /// `slots`: requests in flight at once. `pause`: until it is first looked at again after it was
  /// found missing; doubles up to `longest`.
  Endpoint(std::string address, std::uint32_t slots, Duration pause, Duration longest)
      : address_(std::move(address)),
        slots_(slots),
        first_pause_(pause),
        longest_pause_(longest),
        pause_(pause) {}

  const std::string& address() const { return address_; }

  std::uint32_t slots() const { return slots_; }

  void set_slots(std::uint32_t slots) { slots_ = slots; }

  /// Up, and neither full nor asked for a pause.
  bool may_ask(TimePoint now) const {
    return state_ == State::kUp && flying_ < slots_ && now >= quiet_until_;
  }

  bool up() const { return state_ == State::kUp; }

  /// Taken out for good.
  bool removed() const { return state_ == State::kRemoved; }

  /// Down, and long enough to be looked at again.
  bool wants_look(TimePoint now) const {
    return state_ == State::kDown && !looking_ && now >= look_at_;
  }

  std::uint32_t flying() const { return flying_; }

  void begin() { ++flying_; }

  void end() { --flying_; }

  void begin_look() { looking_ = true; }

  void end_look() { looking_ = false; }

  /// Nothing is in flight any more.
  void drop() {
    flying_ = 0;
    looking_ = false;
  }

  /// It is there. True: it was not.
  bool found();

  /// It gave an answer.
  void answered();

  /// Nobody there, or not ready. True: until now it was.
  bool missing(TimePoint now);
  /// A failure that may be the question's: after kFailures in a row, and where there is another
  /// endpoint, it counts as missing. True: it does from now on.
  bool failed(TimePoint now, bool others);

  /// It asked to be left alone.
  void be_quiet(TimePoint until) { quiet_until_ = std::max(quiet_until_, until); }

  void remove() { state_ = State::kRemoved; }

  /// When something may have changed that only time changes; TimePoint::max(): never.
  TimePoint next_change(TimePoint now) const;

 private:
  enum class State { kUp, kDown, kRemoved };
  static constexpr int kFailures = 3;

  std::string address_;
  std::uint32_t slots_;
  Duration first_pause_;
  Duration longest_pause_;
  State state_ = State::kUp;
  std::uint32_t flying_ = 0;
  bool looking_ = false;
  int failures_ = 0;
  Duration pause_;
  TimePoint look_at_{};
  TimePoint quiet_until_{};
};

}  // namespace headroom::backends
