#include "portable_attention.h"

#include <algorithm>
#include <vector>

namespace headroom::engine {
namespace {

/// Index tables of a pass: where packed tokens go, and what each padded query may see.
struct Layout {
  std::vector<int> positions;  // [T]
  std::vector<int> slots;      // [T]: in the cache
  std::vector<int> rows;       // [R]: cache rows
  std::vector<int> gather;     // [R * L]: packed token of each padded place
  std::vector<int> unpack;     // [T]: padded place of each packed token
  std::vector<char> mask;      // [R, L, P + S]
  int length = 0;              // L
  int span = 0;                // S
  bool padded = false;
};

Layout make_layout(const Pass& pass, int capacity) {
  Layout layout;
  for (const Segment& segment : pass.segments) {
    layout.length = std::max(layout.length, segment.count);
    layout.span = std::max(layout.span, segment.cached + segment.count);
    layout.rows.push_back(segment.row);
  }
  int packed = 0;
  int place = 0;
  for (const Segment& segment : pass.segments) {
    for (int i = 0; i < layout.length; ++i) {
      const int token = std::min(i, segment.count - 1);  // padding repeats the last token
      layout.gather.push_back(packed + token);
      for (int key = 0; key < pass.prefix + layout.span; ++key) {
        layout.mask.push_back(key - pass.prefix <= segment.cached + token ? 1 : 0);
      }
    }
    for (int i = 0; i < segment.count; ++i) {
      layout.positions.push_back(pass.prefix + segment.cached + i);
      layout.slots.push_back(segment.row * capacity + segment.cached + i);
      layout.unpack.push_back(place + i);
    }
    layout.padded = layout.padded || segment.count < layout.length;
    packed += segment.count;
    place += layout.length;
  }
  return layout;
}

mx::array int_array(const std::vector<int>& values) {
  return mx::array(values.data(), {static_cast<int>(values.size())}, mx::int32);
}

/// Columns [from, from + heads * dim) as [T, heads, dim].
mx::array columns(const mx::array& qkv, int from, int heads, int dim) {
  const int tokens = qkv.shape(0);
  return mx::reshape(mx::slice(qkv, {0, from}, {tokens, from + heads * dim}), {tokens, heads, dim});
}

mx::array rotate(const mx::array& x, const mx::array& positions, const Rope& rope) {
  const mx::Shape shape = x.shape();
  const mx::array rows = mx::reshape(x, {shape[0], shape[1], 1, shape[2]});
  return mx::reshape(mx::fast::rope(rows, rope.dim(), false, rope.theta(), 1.0F, positions), shape);
}

mx::array store(const mx::array& cache, const mx::array& slots, const mx::array& x) {
  return mx::scatter(cache, slots, mx::reshape(x, {x.shape(0), 1, cache.shape(1)}), 0);
}

/// Prefix and the rows' slots, as the attention wants them: [R, Hkv, P + S, D].
mx::array cached(const mx::array& slots,
                 const std::optional<mx::array>& prefix,
                 const Layout& layout,
                 const KvCache& cache) {
  const KvShape& shape = cache.shape();
  const int rows = static_cast<int>(layout.rows.size());
  mx::array all = mx::reshape(slots, {cache.rows(), cache.capacity(), shape.width()});
  all = mx::slice(all, {0, 0, 0}, {cache.rows(), layout.span, shape.width()});
  bool every = rows == cache.rows();
  for (int i = 0; i < rows && every; ++i) {
    every = layout.rows[static_cast<std::size_t>(i)] == i;
  }
  if (!every) {
    all = mx::take(all, int_array(layout.rows), 0);
  }
  if (prefix) {
    const int length = prefix->shape(0);
    const mx::array shared = mx::broadcast_to(mx::reshape(*prefix, {1, length, shape.width()}),
                                              {rows, length, shape.width()});
    all = mx::concatenate({shared, all}, 1);
  }
  all = mx::reshape(all, {rows, all.shape(1), shape.kv_heads, shape.head_dim});
  return mx::transpose(all, {0, 2, 1, 3});
}

}  // namespace

mx::array portable_decoder_attention(const mx::array& qkv,
                                     const Heads& heads,
                                     const Pass& pass,
                                     KvCache& cache,
                                     int layer_index,
                                     const Rope& rope) {
  const Layout layout = make_layout(pass, cache.capacity());
  const int rows = static_cast<int>(layout.rows.size());
  const mx::array positions = int_array(layout.positions);
  const mx::array slots = int_array(layout.slots);
  mx::array q = rotate(columns(qkv, 0, heads.query, heads.dim), positions, rope);
  const mx::array k =
      rotate(columns(qkv, heads.query * heads.dim, heads.kv, heads.dim), positions, rope);
  const mx::array v = columns(qkv, (heads.query + heads.kv) * heads.dim, heads.kv, heads.dim);
  KvCache::Layer& layer = cache.layer(layer_index);
  layer.keys = store(*layer.keys, slots, k);
  layer.values = store(*layer.values, slots, v);
  if (layout.padded) {
    q = mx::take(q, int_array(layout.gather), 0);
  }
  q = mx::transpose(mx::reshape(q, {rows, layout.length, heads.query, heads.dim}), {0, 2, 1, 3});
  const mx::array keys = cached(*layer.keys, layer.prefix_keys, layout, cache);
  const mx::array values = cached(*layer.values, layer.prefix_values, layout, cache);
  const bool all_seen = layout.length == 1 && rows == 1;
  std::optional<mx::array> mask;
  if (!all_seen) {
    mask = mx::array(reinterpret_cast<const bool*>(layout.mask.data()),
                     {rows, 1, layout.length, pass.prefix + layout.span},
                     mx::bool_);
  }
  mx::array out = mx::fast::scaled_dot_product_attention(q, keys, values, heads.scale, "", mask);
  out = mx::reshape(mx::transpose(out, {0, 2, 1, 3}),
                    {rows * layout.length, heads.query * heads.dim});
  return layout.padded ? mx::take(out, int_array(layout.unpack), 0) : out;
}

mx::array portable_tile_attention(const mx::array& qkv,
                                  const Heads& heads,
                                  int tiles,
                                  int patches) {
  const auto part = [&](int index) {
    const int width = heads.query * heads.dim;
    const mx::array x = columns(qkv, index * width, heads.query, heads.dim);
    return mx::transpose(mx::reshape(x, {tiles, patches, heads.query, heads.dim}), {0, 2, 1, 3});
  };
  const mx::array out =
      mx::fast::scaled_dot_product_attention(part(0), part(1), part(2), heads.scale);
  return mx::reshape(mx::transpose(out, {0, 2, 1, 3}), {tiles * patches, heads.query * heads.dim});
}

}  // namespace headroom::engine
