#include "run/question_times.h"

#include <algorithm>
#include <numeric>

namespace headroom::run {

namespace {

/// The smallest value that at least `share` of all do not exceed.
double quantile(std::vector<double>& values, std::size_t percent) {
  const std::size_t rank = (values.size() * percent + 99) / 100;
  const auto place =
      values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

PhaseTime time_of(std::vector<double> values) {
  if (values.empty()) {
    return {};
  }
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {sum / static_cast<double>(values.size()), quantile(values, 50), quantile(values, 95)};
}

}  // namespace

void TimeTally::add(const worker::PhaseSeconds& seconds) {
  preprocess_.push_back(seconds.preprocess);
  encode_.push_back(seconds.encode);
  prefill_.push_back(seconds.prefill);
  decode_.push_back(seconds.decode);
  together_.push_back(seconds.total());
}

QuestionTimes TimeTally::result() const {
  return {together_.size(),
          time_of(preprocess_),
          time_of(encode_),
          time_of(prefill_),
          time_of(decode_),
          time_of(together_)};
}

}  // namespace headroom::run
