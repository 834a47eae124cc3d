#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace headroom::models {

/// What a size may be at most: above what any model has, and small enough that the products that
/// are made of sizes stay whole numbers of 32 bits.
inline constexpr int kMostSize = 1 << 24;       ///< tokens, the vocabulary
inline constexpr int kMostWidth = 1 << 18;      ///< numbers of a row
inline constexpr int kMostHeadWidth = 1 << 14;  ///< numbers of a head
inline constexpr int kMostHeads = 4096;
inline constexpr int kMostLayers = 4096;
inline constexpr int kMostSide = 1 << 14;  ///< pixels of a tile's or a patch's side
inline constexpr int kMostPatches = 1024;  ///< of a tile's side
inline constexpr int kMostMerged = 32;     ///< patches of a side that become one feature

/// One table of config.json, read so that every key is used, refused, or listed as ignored.
/// Errors: UsageError("E-CONFIG") with file, key, value and what is accepted.
class ConfigTable {
 public:
  /// `where`: "DIR/config.json", or "DIR/config.json: text_config".
  ConfigTable(const Json& table, std::string where);

  /// A whole number from 1 to `most`. Without a default, an absent key is refused. null is
  /// absent.
  int size(const char* key, int most = kMostSize);
  int size_or(const char* key, int otherwise, int most = kMostSize);
  /// From 0.
  int token_or(const char* key, int otherwise);
  /// Any whole number of 32 bits.
  int whole_number_or(const char* key, int otherwise);
  /// A number above 0 that float32 can hold.
  float number_or(const char* key, float otherwise);
  bool flag_or(const char* key, bool otherwise);
  std::string text_or(const char* key, const std::string& otherwise);
  /// An inner table; refused when absent.
  ConfigTable table(const char* key);
  /// A list of texts; empty when absent.
  std::vector<std::string> texts(const char* key);
  /// Whether the key is there and not null.
  bool has(const char* key) const;

  /// Whether the key is there, be it null.
  bool names(const char* key) const { return table_.contains(key); }

  /// Accepts only this value (or absence) of a key that would change the computation.
  void only(const char* key, const Json& value);
  /// Keys that say nothing about the computation of an answer.
  void ignore(std::initializer_list<const char*> keys);
  /// Refuses the key whatever its value, with the reason.
  void refuse(const char* key, const std::string& reason);
  [[noreturn]] void fail(const char* key, const std::string& reason) const;

  /// Refuses a token, which `key` says, that the vocabulary does not have.
  void check_token(const char* key, int token, int vocabulary) const;

  /// Notes what nobody asked for.
  void add_leftovers(std::vector<std::string>& notices) const;
  /// What nobody asked for, as "config.json: text_config: key, key".
  std::vector<std::string> leftovers() const;

 private:
  const Json* find(const char* key);

  const Json& table_;
  std::string where_;
  std::set<std::string> seen_;
};

}  // namespace headroom::models
