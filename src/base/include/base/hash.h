#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace headroom {

/// 32 hexadecimal digits of XXH3-128. Not cryptographic: tells contents apart, proves nothing about
/// their author.
std::string content_hash(std::string_view data);

/// The same, fed in pieces.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void update(std::string_view data);
  /// Length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
  void update_field(std::string_view data);
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace headroom
