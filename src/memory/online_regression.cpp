#include "online_regression.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "base/json_fields.h"

namespace headroom::memory {

namespace {

/// About the last fifty samples count.
constexpr double kKeep = 0.98;
constexpr double kPriorDegrees = 2.0;
/// A residual counts towards the noise up to so many deviations: one spike must not widen the
/// margin of the next fifty samples.
constexpr double kLargestResidual = 4.0;

constexpr std::size_t kSize = OnlineRegression::kSize;

double dot(const OnlineRegression::Vector& a, const OnlineRegression::Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

/// Lower triangle L with L L' = matrix; not finite where the matrix is not positive definite.
OnlineRegression::Matrix cholesky(const OnlineRegression::Matrix& matrix) {
  OnlineRegression::Matrix lower{};
  for (std::size_t row = 0; row < kSize; ++row) {
    for (std::size_t column = 0; column <= row; ++column) {
      double sum = matrix[row][column];
      for (std::size_t k = 0; k < column; ++k) {
        sum -= lower[row][k] * lower[column][k];
      }
      lower[row][column] = row == column ? std::sqrt(sum) : sum / lower[column][column];
    }
  }
  return lower;
}

double number(const Json& json) {
  const double value = json.is_number() ? json.get<double>() : std::nan("");
  if (!std::isfinite(value)) {
    throw InputError("E-CONTRACT",
                     fmt::format("regression: {} is no finite number", dump_json(json)));
  }
  return value;
}

}  // namespace

OnlineRegression::OnlineRegression(const Vector& prior_deviations)
    : degrees_(kPriorDegrees), scatter_(kPriorDegrees) {
  for (std::size_t i = 0; i < kSize; ++i) {
    prior_[i][i] = 1.0 / (prior_deviations[i] * prior_deviations[i]);
  }
  precision_ = prior_;
}

OnlineRegression::Vector OnlineRegression::solve(const Vector& right) const {
  const Matrix lower = cholesky(precision_);
  Vector result = right;
  for (std::size_t row = 0; row < kSize; ++row) {
    for (std::size_t k = 0; k < row; ++k) {
      result[row] -= lower[row][k] * result[k];
    }
    result[row] /= lower[row][row];
  }
  for (std::size_t row = kSize; row-- > 0;) {
    for (std::size_t k = row + 1; k < kSize; ++k) {
      result[row] -= lower[k][row] * result[k];
    }
    result[row] /= lower[row][row];
  }
  return result;
}

OnlineRegression::Estimate OnlineRegression::predict(const Vector& x) const {
  const Vector spread = solve(x);
  const double noise = scatter_ / degrees_;
  return {dot(spread, moment_), std::sqrt(noise * (1.0 + dot(x, spread)))};
}

void OnlineRegression::learn(const Vector& x, double y, double weight) {
  const Estimate before = predict(x);
  const double noise = scatter_ / degrees_;
  const double most = kLargestResidual * before.deviation;
  const double residual = std::clamp(y - before.mean, -most, most);
  const double expected = before.deviation * before.deviation / noise;
  forget(kKeep);
  for (std::size_t row = 0; row < kSize; ++row) {
    for (std::size_t column = 0; column < kSize; ++column) {
      precision_[row][column] += weight * x[row] * x[column];
    }
    moment_[row] += weight * x[row] * y;
  }
  degrees_ += 1.0;
  scatter_ += residual * residual / expected;
}

void OnlineRegression::forget(double keep) {
  for (std::size_t row = 0; row < kSize; ++row) {
    for (std::size_t column = 0; column < kSize; ++column) {
      precision_[row][column] = keep * precision_[row][column] + (1.0 - keep) * prior_[row][column];
    }
    moment_[row] *= keep;
  }
  degrees_ = keep * degrees_ + (1.0 - keep) * kPriorDegrees;
  scatter_ = keep * scatter_ + (1.0 - keep) * kPriorDegrees;
}

Json OnlineRegression::to_json() const {
  return {
      {"precision", precision_}, {"moment", moment_}, {"degrees", degrees_}, {"scatter", scatter_}};
}

void OnlineRegression::restore(const Json& json) {
  const JsonFields fields(json, "regression");
  const Json& precision = fields.array("precision");
  const Json& moment = fields.array("moment");
  OnlineRegression result = *this;
  if (precision.size() != kSize || moment.size() != kSize) {
    throw InputError("E-CONTRACT",
                     fmt::format("regression: {} rows and {} moments, expected {} of each",
                                 precision.size(),
                                 moment.size(),
                                 kSize));
  }
  for (std::size_t row = 0; row < kSize; ++row) {
    if (!precision[row].is_array() || precision[row].size() != kSize) {
      throw InputError("E-CONTRACT",
                       fmt::format("regression: row {} has not {} numbers", row, kSize));
    }
    for (std::size_t column = 0; column < kSize; ++column) {
      result.precision_[row][column] = number(precision[row][column]);
    }
    result.moment_[row] = number(moment[row]);
  }
  result.degrees_ = number(json.value("degrees", Json()));
  result.scatter_ = number(json.value("scatter", Json()));
  const Matrix lower = cholesky(result.precision_);
  for (std::size_t i = 0; i < kSize; ++i) {
    if (!(lower[i][i] > 0) || !(result.degrees_ > 0) || !(result.scatter_ > 0)) {
      throw InputError("E-CONTRACT", "regression: the precision is not positive definite");
    }
  }
  *this = result;
}

}  // namespace headroom::memory
