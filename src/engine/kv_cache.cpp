#include "engine/kv_cache.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace headroom::engine {

void KvCache::reserve(int rows, int capacity) {
  rows_ = rows;
  capacity_ = capacity;
  for (Layer& layer : layers_) {
    layer.keys.reset();
    layer.values.reset();
  }
  const mx::Shape slots{rows * capacity, shape_.width()};
  for (Layer& layer : layers_) {
    layer.keys = mx::zeros(slots, shape_.dtype);
    layer.values = mx::zeros(slots, shape_.dtype);
  }
  mx::eval(arrays());
}

void KvCache::share(int tokens) {
  if (prefix_ != 0 || rows_ == 0 || tokens > capacity_) {
    throw InternalError(
        fmt::format("KV cache: {} tokens cannot become the prefix (prefix {}, {} "
                    "rows of {})",
                    tokens,
                    prefix_,
                    rows_,
                    capacity_));
  }
  for (Layer& layer : layers_) {
    const mx::Shape end{tokens, shape_.width()};
    layer.prefix_keys =
        tokens == rows_ * capacity_ ? *layer.keys : mx::slice(*layer.keys, {0, 0}, end);
    layer.prefix_values =
        tokens == rows_ * capacity_ ? *layer.values : mx::slice(*layer.values, {0, 0}, end);
    layer.keys.reset();
    layer.values.reset();
  }
  prefix_ = tokens;
  rows_ = 0;
  capacity_ = 0;
}

std::vector<mx::array> KvCache::arrays() const {
  std::vector<mx::array> all;
  for (const Layer& layer : layers_) {
    for (const auto* slot :
         {&layer.prefix_keys, &layer.prefix_values, &layer.keys, &layer.values}) {
      if (*slot) {
        all.push_back(**slot);
      }
    }
  }
  return all;
}

Bytes KvCache::bytes() const {
  return shape_.per_token() *
         (static_cast<std::uint64_t>(prefix_) +
          static_cast<std::uint64_t>(rows_) * static_cast<std::uint64_t>(capacity_));
}

}  // namespace headroom::engine
