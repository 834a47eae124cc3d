#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace headroom {

/// A number of bytes: never negative, never wraps. Arithmetic that would do either throws
/// InternalError.
class Bytes {
 public:
  constexpr Bytes() = default;

  constexpr explicit Bytes(std::uint64_t count) : count_(count) {}

  constexpr std::uint64_t count() const { return count_; }

  auto operator<=>(const Bytes&) const = default;

  Bytes& operator+=(Bytes other);
  /// Throws InternalError if `other` is larger: a difference of sizes that may go either way is
  /// `signed_difference`, one that stops at nothing is `saturating_minus`.
  Bytes& operator-=(Bytes other);

  friend Bytes operator+(Bytes a, Bytes b) { return a += b; }

  friend Bytes operator-(Bytes a, Bytes b) { return a -= b; }

  friend Bytes operator*(Bytes a, std::uint64_t n);

  friend Bytes operator*(std::uint64_t n, Bytes a) { return a * n; }

 private:
  std::uint64_t count_ = 0;
};

/// a - b, or nothing at all when b is larger.
Bytes saturating_minus(Bytes a, Bytes b);
/// a - b as a signed number of bytes.
std::int64_t signed_difference(Bytes a, Bytes b);
/// The given share (0..1 and beyond) of a size, rounded to the nearest byte.
Bytes scaled(Bytes a, double factor);

inline namespace literals {
constexpr Bytes operator""_B(unsigned long long n) { return Bytes(n); }

constexpr Bytes operator""_KiB(unsigned long long n) { return Bytes(n << 10U); }

constexpr Bytes operator""_MiB(unsigned long long n) { return Bytes(n << 20U); }

constexpr Bytes operator""_GiB(unsigned long long n) { return Bytes(n << 30U); }
}  // namespace literals

/// Reads "512MiB", "1.5 GB", "1048576": decimal (kB MB GB TB) and binary (KiB MiB GiB TiB, also K M
/// G T alone) suffixes in any case, no suffix is bytes. Throws UsageError naming the text.
Bytes parse_bytes(std::string_view text);

/// IEC, one decimal from KiB up: "512 B", "1.5 MiB", "64.0 GiB".
std::string to_string(Bytes bytes);
/// The same for a signed difference, with its sign: "+1.5 MiB", "-64.0 KiB".
std::string difference_to_string(std::int64_t bytes);

}  // namespace headroom
