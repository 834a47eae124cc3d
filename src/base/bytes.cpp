#include "base/bytes.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "base/errors.h"

namespace headroom {

namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

std::string magnitude(double count) {
  constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (count >= 1024.0 && unit + 1 < kUnits.size()) {
    count /= 1024.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", count) : fmt::format("{:.1f} {}", count, kUnits[unit]);
}

double unit_factor(std::string_view unit, std::string_view whole) {
  std::string lower;
  for (const char c : unit) {
    lower.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  constexpr std::array<std::pair<std::string_view, double>, 14> kFactors = {{
      {"", 1.0},
      {"b", 1.0},
      {"k", 1024.0},
      {"m", 1048576.0},
      {"g", 1073741824.0},
      {"t", 1099511627776.0},
      {"kb", 1e3},
      {"mb", 1e6},
      {"gb", 1e9},
      {"tb", 1e12},
      {"kib", 1024.0},
      {"mib", 1048576.0},
      {"gib", 1073741824.0},
      {"tib", 1099511627776.0},
  }};
  for (const auto& [name, factor] : kFactors) {
    if (name == lower) {
      return factor;
    }
  }
  throw UsageError("E-BYTES",
                   fmt::format("'{}' is not a size: unknown unit '{}'; write for example 512MiB, "
                               "1.5GiB, 2GB or a plain number of bytes",
                               whole,
                               unit));
}

}  // namespace

Bytes& Bytes::operator+=(Bytes other) {
  if (other.count_ > kMax - count_) {
    throw InternalError(fmt::format("bytes: {} + {} overflows", count_, other.count_));
  }
  count_ += other.count_;
  return *this;
}

Bytes& Bytes::operator-=(Bytes other) {
  if (other.count_ > count_) {
    throw InternalError(fmt::format("bytes: {} - {} is negative", count_, other.count_));
  }
  count_ -= other.count_;
  return *this;
}

Bytes operator*(Bytes a, std::uint64_t n) {
  if (n != 0 && a.count_ > kMax / n) {
    throw InternalError(fmt::format("bytes: {} * {} overflows", a.count_, n));
  }
  return Bytes(a.count_ * n);
}

Bytes saturating_minus(Bytes a, Bytes b) { return b > a ? Bytes() : a - b; }

std::int64_t signed_difference(Bytes a, Bytes b) {
  return static_cast<std::int64_t>(a.count()) - static_cast<std::int64_t>(b.count());
}

Bytes scaled(Bytes a, double factor) {
  const double result = std::round(static_cast<double>(a.count()) * factor);
  if (!(result >= 0.0) || result >= 18446744073709551616.0) {
    throw InternalError(fmt::format("bytes: {} scaled by {} is out of range", a.count(), factor));
  }
  return Bytes(static_cast<std::uint64_t>(result));
}

Bytes parse_bytes(std::string_view text) {
  const std::string_view whole = text;
  while (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
  }
  while (!text.empty() && text.back() == ' ') {
    text.remove_suffix(1);
  }
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number < 0) {
    throw UsageError("E-BYTES",
                     fmt::format("'{}' is not a size; write for example 512MiB, 1.5GiB, 2GB or a "
                                 "plain number of bytes",
                                 whole));
  }
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (!unit.empty() && unit.front() == ' ') {
    unit.remove_prefix(1);
  }
  const double count = std::round(number * unit_factor(unit, whole));
  if (count >= 9.2e18) {
    throw UsageError("E-BYTES",
                     fmt::format("'{}' is larger than any memory; write for example 512MiB, "
                                 "1.5GiB or 2GB",
                                 whole));
  }
  return Bytes(static_cast<std::uint64_t>(count));
}

std::string to_string(Bytes bytes) { return magnitude(static_cast<double>(bytes.count())); }

std::string difference_to_string(std::int64_t bytes) {
  return (bytes < 0 ? "-" : "+") + magnitude(std::fabs(static_cast<double>(bytes)));
}

}  // namespace headroom
