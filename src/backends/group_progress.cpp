#include "group_progress.h"

#include <fmt/format.h>

#include <algorithm>

namespace headroom::backends {

GroupProgress::GroupProgress(const worker::AskRequest& request, int deaths_per_item)
    : request_(request),
      limits_(request.limits),
      deaths_per_item_(static_cast<std::size_t>(std::max(1, deaths_per_item))) {
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    pending_.push_back({i, {}});
  }
}

worker::AskRequest GroupProgress::next() const {
  worker::AskRequest request;
  request.group = request_.group;
  request.pictures = request_.pictures;
  request.max_image_side = request_.max_image_side;
  request.limits = limits_;
  const std::size_t count = mode_ == Mode::kAlone ? 1 : pending_.size();
  for (std::size_t i = 0; i < count; ++i) {
    request.items.push_back(request_.items[pending_[i].item]);
  }
  if (careful()) {
    request.limits.batch = 1;
  }
  return request;
}

bool GroupProgress::accept(const worker::Answer& answer) {
  if (answer.group != request_.group) {
    return false;
  }
  const auto found = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    return request_.items[pending.item].id == answer.id;
  });
  if (found == pending_.end()) {
    return false;
  }
  if (mode_ == Mode::kAlone && found == pending_.begin()) {
    mode_ = Mode::kOneByOne;
  }
  pending_.erase(found);
  return true;
}

std::vector<worker::Answer> GroupProgress::on_death(const Death& death) {
  if (pending_.empty()) {
    return {};
  }
  if (mode_ == Mode::kWhole && pending_.size() > 1) {
    for (Pending& pending : pending_) {
      pending.deaths.push_back(death);
    }
    mode_ = Mode::kOneByOne;
    return {};
  }
  Pending& suspect = pending_.front();
  suspect.deaths.push_back(death);
  mode_ = Mode::kAlone;
  if (suspect.deaths.size() < deaths_per_item_) {
    return {};
  }
  std::vector<worker::Answer> settled = {given_up(suspect)};
  pending_.erase(pending_.begin());
  mode_ = Mode::kOneByOne;
  return settled;
}

std::vector<worker::Answer> GroupProgress::fail_rest_of(const worker::AskRequest& part,
                                                        Outcome outcome,
                                                        const std::string& code,
                                                        const std::string& error) {
  std::vector<worker::Answer> settled;
  for (const worker::AskItem& item : part.items) {
    worker::Answer answer = failed(item.id, outcome, code, error);
    if (accept(answer)) {
      settled.push_back(std::move(answer));
    }
  }
  return settled;
}

std::vector<worker::Answer> GroupProgress::fail_rest(Outcome outcome,
                                                     const std::string& code,
                                                     const std::string& error) {
  std::vector<worker::Answer> settled;
  for (const Pending& pending : pending_) {
    settled.push_back(failed(request_.items[pending.item].id, outcome, code, error));
  }
  pending_.clear();
  return settled;
}

worker::Answer GroupProgress::failed(const std::string& id,
                                     Outcome outcome,
                                     const std::string& code,
                                     const std::string& error) const {
  worker::Answer answer;
  answer.group = request_.group;
  answer.id = id;
  answer.outcome = outcome;
  answer.error_code = code;
  answer.error = error;
  return answer;
}

worker::Answer GroupProgress::given_up(const Pending& pending) const {
  const auto out_of_memory =
      std::count_if(pending.deaths.begin(), pending.deaths.end(), [](const Death& death) {
        return death.kind == Death::Kind::kOutOfMemory;
      });
  const bool memory = 2 * static_cast<std::size_t>(out_of_memory) > pending.deaths.size();
  std::string error = fmt::format("asking it ended {} workers", pending.deaths.size());
  for (std::size_t i = 0; i < pending.deaths.size(); ++i) {
    error += fmt::format(
        "; {}. {}: {}", i + 1, to_string(pending.deaths[i].kind), pending.deaths[i].evidence);
  }
  return failed(request_.items[pending.item].id,
                memory ? Outcome::kMemory : Outcome::kModel,
                memory ? "E-WORKER-OOM" : "E-WORKER-DIED",
                error);
}

}  // namespace headroom::backends
