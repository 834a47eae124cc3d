#include "memory/peak_predictor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/errors.h"
#include "base/json_fields.h"
#include "online_regression.h"
#include "plan_phases.h"

namespace headroom::memory {

namespace {

constexpr std::uint64_t kVersion = 1;
// How far off the plan may be before anything was measured: shares of what rests, of the planned
// transient, and of what the plan counts for pictures and for the prompt.
constexpr OnlineRegression::Vector kPriorDeviations{0.01, 0.05, 0.03, 0.03};
// Noise of a measured peak: shares of what rests and of the transient, and a floor for pages and
// allocators' rounding.
constexpr double kNoiseOfResting = 0.005;
constexpr double kNoiseOfTransient = 0.03;
constexpr double kLeastNoise = 512.0 * 1024.0;
constexpr double kDeviations = 3.0;  ///< from the expected peak to the bound
constexpr double kOutlier = 2.5;     ///< deviations from which on a sample counts less
constexpr int kChanged = 2;          ///< outliers in a row to one side that are no outliers
constexpr double kKeptAtChange = 0.005;
constexpr int kSettling = 4;            ///< samples after a change that are all believed
constexpr double kShortfallKept = 0.8;  ///< after each sample
/// A group that died wants at least so much more than it had.
constexpr double kBeyondDeath = 1.05;

double as_double(Bytes bytes) { return static_cast<double>(bytes.count()); }

Bytes as_bytes(double value) {
  return Bytes(static_cast<std::uint64_t>(std::llround(std::max(value, 0.0))));
}

double noise_of(const GroupFeatures& group) {
  return kNoiseOfResting * as_double(group.resting) +
         kNoiseOfTransient * as_double(group.transient()) + kLeastNoise;
}

OnlineRegression::Vector scaled_features(const GroupFeatures& group, double noise) {
  return {as_double(group.resting) / noise,
          as_double(group.transient()) / noise,
          as_double(group.pictures) / noise,
          as_double(group.prompt) / noise};
}

std::array<std::uint64_t, 3> ranged(const GroupFeatures& group) {
  return {group.transient().count(), group.pictures.count(), group.prompt.count()};
}

/// Mean of what lies above `from` in a standard normal distribution.
double tail_mean(double from) {
  if (from > 8.0) {
    return from + 1.0 / from;
  }
  const double density = std::exp(-0.5 * from * from) / std::sqrt(2.0 * std::acos(-1.0));
  return density / (0.5 * std::erfc(from / std::sqrt(2.0)));
}

double mean(const auto& values) {
  return values.empty() ? 0.0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

double percent_of(Bytes predicted, Bytes measured) {
  return measured == Bytes() ? 0.0
                             : 100.0 * static_cast<double>(signed_difference(predicted, measured)) /
                                   as_double(measured);
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

double number(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number() || !std::isfinite(found->get<double>())) {
    throw InputError("E-CONTRACT", fmt::format("predictor: '{}' must be a finite number", key));
  }
  return found->get<double>();
}

void read_errors(const Json& list, auto& errors) {
  if (list.size() > PredictionRecord::kWindow) {
    throw InputError(
        "E-CONTRACT",
        fmt::format("predictor: {} errors, {} are kept", list.size(), PredictionRecord::kWindow));
  }
  for (const Json& one : list) {
    errors.push_back(number(Json{{"error", one}}, "error"));
  }
}

}  // namespace

/// In bytes, of a correction to the plan.
struct PeakPredictor::Estimate {
  OnlineRegression::Vector features{};
  double noise = 0;
  OnlineRegression::Estimate raw;  ///< in units of noise
  double correction = 0;           ///< within what may be believed
  double margin = 0;
};

GroupFeatures features_of(const Plan& group) {
  GroupFeatures result;
  const PhasePlan& worst = group.worst();
  result.resting = worst.of({PartKind::kSupervisor,
                             PartKind::kEngine,
                             PartKind::kWeights,
                             PartKind::kBeyond,
                             PartKind::kCache,
                             PartKind::kReservedKv,
                             PartKind::kReservedCompute,
                             PartKind::kReservedVision});
  result.planned_peak = worst.total();
  const std::uint32_t shared = shared_text(group.workload);
  std::uint64_t tokens =
      std::uint64_t{group.workload.text_tokens - shared} + group.workload.max_tokens;
  tokens = tokens * std::max(group.workload.batch, 1U) + shared;
  for (const PictureCost& picture : group.workload.pictures) {
    result.pictures += picture.decode + picture.encode + picture.features;
    tokens += picture.tokens;
  }
  result.prompt = (group.geometry.kv_per_token + group.geometry.prefill_per_token) * tokens;
  return result;
}

double PredictionError::percent() const { return percent_of(expected, measured); }

double PredictionError::upper_percent() const { return percent_of(upper, measured); }

double PredictionRecord::first_error() const { return mean(first); }

double PredictionRecord::last_error() const { return mean(last); }

double PredictionRecord::expected_low_share() const { return share(expected_low, samples); }

double PredictionRecord::upper_low_share() const { return share(upper_low, samples); }

PeakPredictor::PeakPredictor()
    : correction_(std::make_unique<OnlineRegression>(kPriorDeviations)) {}

PeakPredictor::~PeakPredictor() = default;
PeakPredictor::PeakPredictor(PeakPredictor&&) noexcept = default;
PeakPredictor& PeakPredictor::operator=(PeakPredictor&&) noexcept = default;

bool PeakPredictor::within_range(const GroupFeatures& group) const {
  const auto values = ranged(group);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < seen_[i].least || values[i] > seen_[i].most) {
      return false;
    }
  }
  return true;
}

void PeakPredictor::note_range(const GroupFeatures& group) {
  const auto values = ranged(group);
  for (std::size_t i = 0; i < values.size(); ++i) {
    seen_[i].least = std::min(seen_[i].least, values[i]);
    seen_[i].most = std::max(seen_[i].most, values[i]);
  }
}

PeakPredictor::Estimate PeakPredictor::estimate(const GroupFeatures& group) const {
  Estimate result;
  result.noise = noise_of(group);
  result.features = scaled_features(group, result.noise);
  result.raw = correction_->predict(result.features);
  const double floor = within_range(group) ? lowest_share_ * as_double(group.planned_peak) : 0.0;
  result.correction = std::max(result.raw.mean * result.noise, floor);
  result.margin = result.noise * std::max(kDeviations * result.raw.deviation, shortfall_);
  return result;
}

Prediction PeakPredictor::predict(const GroupFeatures& group) const {
  const Estimate now = estimate(group);
  const double planned = as_double(group.planned_peak);
  Prediction result;
  result.expected = as_bytes(planned + now.correction);
  result.upper = as_bytes(planned + now.correction + now.margin);
  result.reason = fmt::format("plan {}, {} learnt from {} groups{}: {} expected, at most {}",
                              to_string(group.planned_peak),
                              difference_to_string(std::llround(now.correction)),
                              record_.samples,
                              record_.deaths == 0
                                  ? std::string()
                                  : fmt::format(" and {} that ran out of memory", record_.deaths),
                              to_string(result.expected),
                              to_string(result.upper));
  return result;
}

/// How much a sample so far from its prediction counts. Gives up what was learnt when the last ones
/// agree that it no longer holds.
double PeakPredictor::weigh(double deviations) {
  if (settling_ > 0) {
    --settling_;
    return 1.0;
  }
  if (std::abs(deviations) <= kOutlier) {
    outliers_ = 0;
    return 1.0;
  }
  outliers_ = deviations > 0 ? std::max(outliers_, 0) + 1 : std::min(outliers_, 0) - 1;
  if (std::abs(outliers_) < kChanged) {
    return kOutlier / std::abs(deviations);
  }
  correction_->forget(kKeptAtChange);
  outliers_ = 0;
  settling_ = kSettling;
  return 1.0;
}

PredictionError PeakPredictor::learn(const GroupFeatures& group, Bytes measured) {
  const Prediction prediction = predict(group);
  const PredictionError error{prediction.expected, prediction.upper, measured};
  const Estimate before = estimate(group);
  const double target = as_double(measured) - as_double(group.planned_peak);
  const double off = target / before.noise - before.raw.mean;
  const double deviations = off / before.raw.deviation;
  const double weight = weigh(deviations);
  correction_->learn(before.features, target / before.noise, weight);
  shortfall_ = std::max(shortfall_ * kShortfallKept, (target - before.correction) / before.noise);
  if (group.planned_peak > Bytes()) {
    lowest_share_ = std::min(lowest_share_, target / as_double(group.planned_peak));
  }
  note_range(group);
  note_error(error);
  return error;
}

void PeakPredictor::learn_death(const GroupFeatures& group, Bytes at_least) {
  const Estimate before = estimate(group);
  const double floor = as_double(at_least) - as_double(group.planned_peak);
  const double from = (floor / before.noise - before.raw.mean) / before.raw.deviation;
  // As if it had reached the mean of what a peak above the floor is likely to be.
  const double likely = before.raw.mean + before.raw.deviation * tail_mean(from);
  correction_->learn(before.features, likely, 1.0);
  const Estimate after = estimate(group);
  const double wanted = kBeyondDeath * as_double(at_least) - as_double(group.planned_peak);
  shortfall_ =
      std::max({shortfall_, (wanted - after.correction) / after.noise, likely - before.raw.mean});
  ++record_.deaths;
}

void PeakPredictor::note_error(const PredictionError& error) {
  ++record_.samples;
  record_.expected_low += error.percent() < -PredictionRecord::kLow ? 1 : 0;
  record_.upper_low += error.upper_percent() < -PredictionRecord::kLow ? 1 : 0;
  const double size = std::abs(error.percent());
  if (record_.first.size() < PredictionRecord::kWindow) {
    record_.first.push_back(size);
  }
  record_.last.push_back(size);
  if (record_.last.size() > PredictionRecord::kWindow) {
    record_.last.pop_front();
  }
}

Json PeakPredictor::to_json() const {
  Json seen = Json::array();
  for (const Range& range : seen_) {
    seen.push_back({range.least, range.most});
  }
  return {{"version", kVersion},
          {"regression", correction_->to_json()},
          {"seen", std::move(seen)},
          {"lowest_share", lowest_share_},
          {"shortfall", shortfall_},
          {"outliers", outliers_},
          {"settling", settling_},
          {"samples", record_.samples},
          {"deaths", record_.deaths},
          {"expected_low", record_.expected_low},
          {"upper_low", record_.upper_low},
          {"first_percent", record_.first},
          {"last_percent", record_.last}};
}

PeakPredictor PeakPredictor::from_json(const Json& json) {
  const JsonFields fields(json, "predictor");
  if (fields.unsigned64("version") != kVersion) {
    throw InputError(
        "E-CONTRACT",
        fmt::format("predictor: version {}, expected {}", fields.unsigned64("version"), kVersion));
  }
  PeakPredictor result;
  result.correction_->restore(json.value("regression", Json()));
  const Json& seen = fields.array("seen");
  if (seen.size() != result.seen_.size()) {
    throw InputError(
        "E-CONTRACT",
        fmt::format("predictor: {} ranges, expected {}", seen.size(), result.seen_.size()));
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i].is_array() || seen[i].size() != 2 || !seen[i][0].is_number_unsigned() ||
        !seen[i][1].is_number_unsigned()) {
      throw InputError("E-CONTRACT", fmt::format("predictor: range {} has not two sizes", i));
    }
    result.seen_[i] = {seen[i][0].get<std::uint64_t>(), seen[i][1].get<std::uint64_t>()};
  }
  result.lowest_share_ = std::clamp(number(json, "lowest_share"), -1.0, 0.0);
  result.shortfall_ = std::max(number(json, "shortfall"), 0.0);
  result.outliers_ = static_cast<int>(std::clamp(number(json, "outliers"), -1e6, 1e6));
  result.settling_ = static_cast<int>(std::clamp(number(json, "settling"), 0.0, 1e6));
  result.record_.samples = fields.unsigned64("samples");
  result.record_.deaths = fields.unsigned64("deaths");
  result.record_.expected_low = fields.unsigned64("expected_low");
  result.record_.upper_low = fields.unsigned64("upper_low");
  read_errors(fields.array("first_percent"), result.record_.first);
  read_errors(fields.array("last_percent"), result.record_.last);
  return result;
}

Json to_json(const PredictionRecord& record) {
  return {{"samples", record.samples},
          {"deaths", record.deaths},
          {"mean_error_first_percent", record.first_error()},
          {"mean_error_last_percent", record.last_error()},
          {"expected_low_share", record.expected_low_share()},
          {"upper_low_share", record.upper_low_share()}};
}

}  // namespace headroom::memory
