#include "server_group.h"

#include <algorithm>

namespace headroom::backends {

ServerGroup::ServerGroup(worker::AskRequest request, std::vector<std::string> pictures)
    : request_(std::move(request)), pictures_(std::move(pictures)) {
  request_.pictures.clear();  // they are held as they are sent
  for (std::size_t i = 0; i < request_.items.size(); ++i) {
    ServerQuestion question;
    question.item = i;
    questions_.push_back(std::move(question));
  }
}

ServerQuestion* ServerGroup::next(TimePoint now) {
  for (ServerQuestion& question : questions_) {
    if (question.state == ServerQuestion::State::kOpen && question.not_before <= now) {
      return &question;
    }
  }
  return nullptr;
}

TimePoint ServerGroup::next_change() const {
  TimePoint next = TimePoint::max();
  for (const ServerQuestion& question : questions_) {
    if (question.state == ServerQuestion::State::kOpen) {
      next = std::min(next, question.not_before);
    }
  }
  return next;
}

void ServerGroup::begin(ServerQuestion& question) {
  question.state = ServerQuestion::State::kFlying;
  ++flying_;
}

void ServerGroup::reopen(ServerQuestion& question) {
  question.state = ServerQuestion::State::kOpen;
  --flying_;
}

void ServerGroup::settle(ServerQuestion& question, worker::Answer&& answer) {
  flying_ -= question.state == ServerQuestion::State::kFlying ? 1 : 0;
  question.state = ServerQuestion::State::kSettled;
  ++settled_;
  warm_ = warm_ || answer.outcome == Outcome::kAnswered;
  ready_.push_back(std::move(answer));
}

std::optional<worker::Answer> ServerGroup::take() {
  if (ready_.empty()) {
    return std::nullopt;
  }
  worker::Answer answer = std::move(ready_.front());
  ready_.pop_front();
  return answer;
}

Duration ServerGroup::time_for_one() const {
  const double all = request_.limits.deadline_seconds;
  return request_.items.empty() || all <= 0
             ? Duration(0)
             : std::chrono::duration_cast<Duration>(
                   std::chrono::duration<double>(all / static_cast<double>(request_.items.size())));
}

std::uint64_t ServerGroup::bytes() const {
  std::uint64_t bytes = 0;
  for (const std::string& picture : pictures_) {
    bytes += picture.size();
  }
  return bytes;
}

}  // namespace headroom::backends
