#include "engine/kv_cache.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/errors.h"

namespace headroom::engine {
namespace {

KvRows empty_rows(int count, const KvShape& shape) {
  if (!shape.quantised) {
    return {mx::zeros({count, shape.width()}, shape.dtype), std::nullopt};
  }
  return {mx::zeros({count, shape.width()}, mx::int8),
          mx::zeros({count, shape.scales()}, mx::float16)};
}

mx::array first(const mx::array& rows, int count) {
  return count == rows.shape(0) ? rows : mx::slice(rows, {0, 0}, {count, rows.shape(1)});
}

KvRows first(const KvRows& rows, int count) {
  KvRows taken{first(rows.numbers, count), std::nullopt};
  if (rows.scales) {
    taken.scales = first(*rows.scales, count);
  }
  return taken;
}

/// The first `count` of `rows` and zeros, `capacity` in all.
mx::array extended(const mx::array& rows, int count, int capacity) {
  const std::vector<std::pair<int, int>> zeros = {{0, capacity - count}, {0, 0}};
  return mx::pad(first(rows, count), zeros);
}

/// One after the other, so that both are never held twice.
void extend(KvRows& rows, int count, int capacity) {
  rows.numbers = extended(rows.numbers, count, capacity);
  mx::eval(rows.numbers);
  if (rows.scales) {
    rows.scales = extended(*rows.scales, count, capacity);
    mx::eval(*rows.scales);
  }
}

}  // namespace

void KvCache::reserve(int rows, int capacity) {
  rows_ = rows;
  capacity_ = capacity;
  for (Layer& layer : layers_) {
    layer.keys.reset();
    layer.values.reset();
  }
  for (Layer& layer : layers_) {
    layer.keys = empty_rows(rows * capacity, shape_);
    layer.values = empty_rows(rows * capacity, shape_);
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
    layer.prefix_keys = first(*layer.keys, tokens);
    layer.prefix_values = first(*layer.values, tokens);
    layer.keys.reset();
    layer.values.reset();
  }
  prefix_ = tokens;
  rows_ = 0;
  capacity_ = 0;
}

void KvCache::extend(int tokens, int capacity) {
  if (prefix_ != 0 || rows_ != 1 || tokens > capacity_ || tokens >= capacity) {
    throw InternalError(
        fmt::format("KV cache: {} tokens cannot begin a row of {} (prefix {}, {} rows of {})",
                    tokens,
                    capacity,
                    prefix_,
                    rows_,
                    capacity_));
  }
  for (Layer& layer : layers_) {
    engine::extend(*layer.keys, tokens, capacity);
    engine::extend(*layer.values, tokens, capacity);
  }
  capacity_ = capacity;
}

std::vector<mx::array> KvCache::arrays() const {
  std::vector<mx::array> all;
  for (const Layer& layer : layers_) {
    for (const auto* slot :
         {&layer.prefix_keys, &layer.prefix_values, &layer.keys, &layer.values}) {
      if (*slot) {
        all.push_back((*slot)->numbers);
      }
      if (*slot && (*slot)->scales) {
        all.push_back(*(*slot)->scales);
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
