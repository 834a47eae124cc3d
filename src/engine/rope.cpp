#include "engine/rope.h"

#include <cmath>

namespace headroom::engine {

std::shared_ptr<const Rope::Table> Rope::table(int positions) const {
  if (positions <= positions_) {
    return table_;
  }
  int size = 64;
  while (size < positions) {
    size *= 2;
  }
  const int half = dim_ / 2;
  auto table =
      std::make_shared<Table>(static_cast<std::size_t>(size) * static_cast<std::size_t>(dim_));
  for (int i = 0; i < half; ++i) {
    // In float32 step by step, as the reference computes it.
    const float frequency =
        1.0F / std::pow(theta_, static_cast<float>(2 * i) / static_cast<float>(dim_));
    for (int position = 0; position < size; ++position) {
      const float angle = static_cast<float>(position) * frequency;
      float* entry = table->data() + static_cast<std::ptrdiff_t>(position) * dim_;
      entry[i] = std::cos(angle);
      entry[half + i] = std::sin(angle);
    }
  }
  table_ = std::move(table);
  positions_ = size;
  return table_;
}

}  // namespace headroom::engine
