#pragma once

#include <numeric>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "engine/device.h"

namespace headroom::engine {

/// What a model keeps for each token.
struct KvShape {
  int layers = 0;
  int kv_heads = 0;
  int head_dim = 0;
  mx::Dtype dtype = mx::float32;
  bool quantised = false;  ///< kept as int8 numbers with a float16 scale for each run of `run()`

  int width() const { return kv_heads * head_dim; }

  /// Numbers of a head that share a scale: as many as divide the head, up to 32.
  int run() const { return std::gcd(head_dim, 32); }

  int scales() const { return width() / run(); }

  /// Keys and values of one token in all layers.
  Bytes per_token() const {
    const std::size_t numbers =
        static_cast<unsigned>(width()) * (quantised ? mx::size_of(mx::int8) : mx::size_of(dtype));
    const std::size_t beside =
        quantised ? static_cast<unsigned>(scales()) * mx::size_of(mx::float16) : 0;
    return Bytes(2ULL * static_cast<unsigned>(layers) * (numbers + beside));
  }
};

/// Keys or values of some tokens. Shapes: numbers [n, Hkv*D] in the shape's dtype; quantised: int8,
/// with scales [n, Hkv*D / run] of float16, number times scale being the value.
struct KvRows {
  mx::array numbers;
  std::optional<mx::array> scales;
};

/// Keys and values of a group: one prefix that all rows share, and for each row its own tokens.
/// Tokens: the prefix's P; those of the rows R*C, row r's slot s at r*C + s.
/// Thread: MLX thread.
class KvCache {
 public:
  struct Layer {
    std::optional<KvRows> prefix_keys;
    std::optional<KvRows> prefix_values;
    std::optional<KvRows> keys;
    std::optional<KvRows> values;
  };

  explicit KvCache(KvShape shape)
      : shape_(shape), layers_(static_cast<std::size_t>(shape.layers)) {}

  /// Room for `rows` rows of `capacity` tokens each; what rows held before is dropped, the prefix
  /// stays. The slots are zeros, so that the memory is committed here, before work is put into a
  /// group, and not found missing while it is decoded.
  /// Memory: rows * capacity * shape.per_token().
  void reserve(int rows, int capacity);
  /// Makes the first `tokens` of row 0 the shared prefix, and drops the rows.
  /// Requires: no prefix yet; row 0 holds as many tokens, and they are evaluated.
  void share(int tokens);
  /// Makes room for `capacity` tokens in row 0, which keeps its first `tokens`.
  /// Memory: afterwards capacity * shape.per_token(); meanwhile at most one layer's keys or values
  ///         more than before or afterwards, whichever is larger.
  /// Requires: one row and no prefix; the row holds as many tokens, and they are evaluated.
  /// Throws: InternalError otherwise.
  void extend(int tokens, int capacity);

  int prefix() const { return prefix_; }

  int rows() const { return rows_; }

  int capacity() const { return capacity_; }

  const KvShape& shape() const { return shape_; }

  Layer& layer(int index) { return layers_[static_cast<std::size_t>(index)]; }

  /// Handles of all arrays, to be evaluated.
  std::vector<mx::array> arrays() const;
  Bytes bytes() const;

 private:
  KvShape shape_;
  std::vector<Layer> layers_;
  int prefix_ = 0;
  int rows_ = 0;
  int capacity_ = 0;
};

}  // namespace headroom::engine
