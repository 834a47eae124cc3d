#include "scoring/tally.h"

#include "base/errors.h"

namespace headroom::scoring {

std::size_t Counts::answered() const {
  const auto found = outcomes.find(Outcome::kAnswered);
  return found == outcomes.end() ? 0 : found->second;
}

void Tally::add(Outcome outcome,
                bool has_references,
                const std::optional<Score>& score,
                std::string_view picture) {
  if (score && (outcome != Outcome::kAnswered || !has_references)) {
    throw InternalError("tally: a score for an item that was not answered or has no references");
  }
  if (outcome == Outcome::kAnswered && has_references && !score) {
    throw InternalError("tally: an answered item with references but without a score");
  }
  ++counts_.total;
  ++counts_.outcomes[outcome];
  if (!has_references) {
    ++counts_.unscored;
    return;
  }
  all_.add(score ? score->value : 0, picture);
  if (!score) {
    return;
  }
  answered_.add(score->value, picture);
  switch (score->verdict) {
    case Verdict::kCorrect:
      ++counts_.correct;
      break;
    case Verdict::kWrong:
      ++counts_.wrong;
      break;
    case Verdict::kUnparsed:
      ++counts_.unparsed;
      break;
    case Verdict::kRefused:
      ++counts_.refused;
      break;
  }
}

std::optional<Estimate> Tally::accuracy(double confidence) const {
  return all_.estimate(confidence);
}

std::optional<Estimate> Tally::accuracy_answered(double confidence) const {
  return answered_.estimate(confidence);
}

}  // namespace headroom::scoring
