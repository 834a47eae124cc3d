#include "portable_attention.h"

#include <mlx/primitives.h>
#include <mlx/utils.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::engine {
/// Where packed tokens go, and what each padded query may see.
/// Letters: T packed tokens, R rows of the pass, L longest segment, P prefix, S longest row.
struct PassLayout {
  mx::array positions;              // [T]
  std::optional<mx::array> angles;  // [T, 1, dim]: cosines, then sines; where positions have rows
  mx::array slots;                  // [T]: in the cache
  std::optional<mx::array> rows;    // [R]: of the cache, where the pass has not all in order
  std::optional<mx::array> gather;  // [R * L]: packed token of each padded place, where padded
  std::optional<mx::array> unpack;  // [T]: padded place of each packed token, where padded
  std::optional<mx::array> mask;    // [R, 1, L, P + S], added to the scores; where rows differ
  mutable std::optional<mx::array>
      window_mask;  // the same within a window; made by its first layer
  int row_count = 0;
  int length = 0;                    // L
  int span = 0;                      // S
  std::optional<mx::array> is_long;  // [T, 1, 1]: rotated by the long factors; where some are
  bool all_long = false;
};

namespace {

mx::array int_array(const std::vector<int>& values) {
  return mx::array(values.data(), {static_cast<int>(values.size())}, mx::int32);
}

/// Angles as Rope gives them: [T, 1, dim].
mx::array float_array(const std::vector<float>& angles, int dim) {
  const int tokens = static_cast<int>(angles.size()) / dim;
  return mx::array(angles.data(), {tokens, 1, dim}, mx::float32);
}

/// Whether all rows have as many tokens cached and as many new, and none sees later tokens: then no
/// two masks differ, and MLX knows the mask by name.
bool rows_alike(const Pass& pass) {
  const Segment& first = pass.segments.front();
  return !pass.has_blocks() &&
         std::all_of(pass.segments.begin(), pass.segments.end(), [&first](const Segment& segment) {
           return segment.cached == first.cached && segment.count == first.count;
         });
}

/// Added to the scores, and of their dtype: of a mask of booleans MLX makes one of numbers for
/// each head in each layer, twice as large as the scores that its GPU kernels do not hold.
mx::array make_mask(const Pass& pass, int length, int span, const Reach& reach, mx::Dtype dtype) {
  std::vector<char> seen;
  seen.reserve(pass.segments.size() * static_cast<std::size_t>(length) *
               static_cast<std::size_t>(pass.prefix + span));
  int packed = 0;
  for (const Segment& segment : pass.segments) {
    for (int i = 0; i < length; ++i) {
      const int token = std::min(i, segment.count - 1);  // padding repeats the last token
      const int visible = pass.visible(segment, token, packed + token);
      const int first = pass.first_visible(segment, token, packed + token, reach);
      for (int key = 0; key < pass.prefix + span; ++key) {
        seen.push_back(key >= first && key - pass.prefix < visible ? 1 : 0);
      }
    }
    packed += segment.count;
  }
  const mx::array sees(reinterpret_cast<const bool*>(seen.data()),
                       {static_cast<int>(pass.segments.size()), 1, length, pass.prefix + span},
                       mx::bool_);
  const auto lowest = static_cast<float>(mx::finfo(dtype).min);
  return mx::where(sees, mx::array(0.0F, dtype), mx::array(lowest, dtype));
}

/// Which tokens are rotated by the long factors.
void mark_long(PassLayout& layout, const Pass& pass, const Rope& rope) {
  const std::vector<char> marks = rope.long_tokens(pass);
  layout.all_long = !marks.empty() && std::find(marks.begin(), marks.end(), 0) == marks.end();
  if (!marks.empty() && !layout.all_long) {
    const int count = static_cast<int>(marks.size());
    layout.is_long =
        mx::array(reinterpret_cast<const bool*>(marks.data()), {count, 1, 1}, mx::bool_);
  }
}

/// `rope`: the first layer's; where layers differ in it, no token has positions or factors of its
/// own. `named`: a mask that MLX knows by name need not be made.
std::shared_ptr<const PassLayout> make_layout(const Pass& pass,
                                              const KvCache& cache,
                                              const Rope& rope,
                                              bool named) {
  std::vector<int> positions;
  std::vector<int> slots;
  std::vector<int> rows;
  int length = 0;
  int span = 0;
  bool in_order = static_cast<int>(pass.segments.size()) == cache.rows();
  for (const Segment& segment : pass.segments) {
    length = std::max(length, segment.count);
    span = std::max(span, segment.cached + segment.count);
    in_order = in_order && segment.row == static_cast<int>(rows.size());
    rows.push_back(segment.row);
    for (int i = 0; i < segment.count; ++i) {
      positions.push_back(pass.prefix + segment.cached + i);
      slots.push_back(segment.row * cache.capacity() + segment.cached + i);
    }
  }
  std::vector<int> gather;
  std::vector<int> unpack;
  int packed = 0;
  int place = 0;
  for (const Segment& segment : pass.segments) {
    for (int i = 0; i < length; ++i) {
      gather.push_back(packed + std::min(i, segment.count - 1));
      if (i < segment.count) {
        unpack.push_back(place + i);
      }
    }
    packed += segment.count;
    place += length;
  }
  auto layout = std::make_shared<PassLayout>(
      PassLayout{int_array(positions), {}, int_array(slots), {}, {}, {}, {}, {}, 0, length, span});
  if (const auto angles = rope.angles(pass)) {
    layout->angles = float_array(*angles, rope.dim());
  }
  layout->row_count = static_cast<int>(rows.size());
  mark_long(*layout, pass, rope);
  if (!in_order) {
    layout->rows = int_array(rows);
  }
  if (packed < place) {
    layout->gather = int_array(gather);
    layout->unpack = int_array(unpack);
  }
  if (!rows_alike(pass) || (!named && length > 1)) {
    layout->mask = make_mask(pass, length, span, Reach(), cache.shape().dtype);
  }
  return layout;
}

/// Added to the scores; none where every query sees every key, or MLX knows the mask by name.
const std::optional<mx::array>& mask_of(const PassLayout& layout,
                                        const Pass& pass,
                                        const Reach& reach,
                                        mx::Dtype dtype) {
  if (reach.window == 0 || reach.window >= pass.reach()) {
    return layout.mask;
  }
  if (!layout.window_mask) {
    layout.window_mask = make_mask(pass, layout.length, layout.span, reach, dtype);
  }
  return layout.window_mask;
}

/// Attention whose scores are capped, which MLX has no kernel for.
/// Shapes: q [R, H, L, D], keys and values [R, Hkv, S, D] -> [R, H, L, D].
mx::array capped_attention(const mx::array& q,
                           const mx::array& keys,
                           const mx::array& values,
                           const Heads& heads,
                           const std::optional<mx::array>& mask) {
  const int rows = q.shape(0);
  const int length = q.shape(2);
  const mx::array factor(heads.scale / heads.cap, q.dtype());
  const mx::array cap(heads.cap, q.dtype());
  const mx::array grouped =
      mx::reshape(q, {rows, heads.kv, heads.query / heads.kv, length, heads.dim});
  mx::array scores =
      mx::matmul(mx::multiply(grouped, factor), mx::swapaxes(mx::expand_dims(keys, 2), -1, -2));
  scores = mx::multiply(mx::tanh(scores), cap);
  if (mask) {
    scores = mx::add(scores, mx::expand_dims(*mask, 2));
  }
  const mx::array out = mx::matmul(mx::softmax(scores, -1, true), mx::expand_dims(values, 2));
  return mx::reshape(out, {rows, heads.query, length, heads.dim});
}

/// Columns [from, from + heads * dim) as [T, heads, dim].
mx::array columns(const mx::array& qkv, int from, int heads, int dim) {
  const int tokens = qkv.shape(0);
  return mx::reshape(mx::slice(qkv, {0, from}, {tokens, from + heads * dim}), {tokens, heads, dim});
}

/// The rotated numbers of each head times the amplitude; the others stay.
mx::array amplified(const mx::array& x, const Rope& rope) {
  if (rope.amplitude() == 1.0F) {
    return x;
  }
  std::vector<float> factors(static_cast<std::size_t>(x.shape(2)), 1.0F);
  std::fill_n(factors.begin(), rope.dim(), rope.amplitude());
  return mx::multiply(x, mx::astype(mx::array(factors.data(), {x.shape(2)}), x.dtype()));
}

/// x [T, H, D] rotated by angles [T, 1, dim], dim numbers of each head, in the dtype of the angles.
mx::array rotate_by(const mx::array& x, const mx::array& angles) {
  const int tokens = x.shape(0);
  const int heads = x.shape(1);
  const int dim = angles.shape(2);
  const auto part = [](const mx::array& of, int from, int to) {
    return mx::slice(of, {0, 0, from}, {of.shape(0), of.shape(1), to});
  };
  const mx::array first = part(x, 0, dim / 2);
  const mx::array second = part(x, dim / 2, dim);
  const mx::array cosines = part(angles, 0, dim / 2);
  const mx::array sines = part(angles, dim / 2, dim);
  std::vector<mx::array> parts{
      mx::subtract(mx::multiply(first, cosines), mx::multiply(second, sines)),
      mx::add(mx::multiply(second, cosines), mx::multiply(first, sines))};
  if (dim < x.shape(2)) {
    parts.push_back(mx::slice(x, {0, 0, dim}, {tokens, heads, x.shape(2)}));
  }
  return mx::concatenate(std::move(parts), 2);
}

mx::array rotate(const mx::array& x, const PassLayout& layout, const Rope& rope) {
  if (layout.angles) {
    return rotate_by(x, mx::astype(*layout.angles, x.dtype()));
  }
  const mx::Shape shape = x.shape();
  const mx::array rows = mx::reshape(x, {shape[0], shape[1], 1, shape[2]});
  if (rope.plain()) {
    return mx::reshape(
        mx::fast::rope(rows, rope.dim(), false, rope.theta(), 1.0F, layout.positions), shape);
  }
  const auto turned = [&](bool is_long) {
    const mx::array by = rope.wavelengths(is_long);
    return mx::reshape(
        mx::fast::rope(rows, rope.dim(), false, std::nullopt, 1.0F, layout.positions, by), shape);
  };
  mx::array y = turned(layout.all_long);
  if (layout.is_long) {
    y = mx::where(*layout.is_long, turned(true), y);
  }
  return amplified(y, rope);
}

mx::array scattered(const mx::array& cache, const mx::array& slots, const mx::array& x) {
  return mx::scatter(cache, slots, mx::reshape(x, {x.shape(0), 1, cache.shape(1)}), 0);
}

/// x [T, Hkv, D] as the cache keeps it. Zeros have scale 0.
KvRows packed(const mx::array& x, const KvShape& shape) {
  const int tokens = x.shape(0);
  if (!shape.quantised) {
    return {mx::reshape(x, {tokens, shape.width()}), std::nullopt};
  }
  const mx::array runs =
      mx::reshape(mx::astype(x, mx::float32), {tokens, shape.scales(), shape.run()});
  const mx::array scales = mx::astype(
      mx::multiply(mx::max(mx::abs(runs), -1, true), mx::array(1.0F / 127.0F)), mx::float16);
  const mx::array divisor = mx::astype(scales, mx::float32);
  const mx::array safe = mx::where(mx::equal(divisor, mx::array(0.0F)), mx::array(1.0F), divisor);
  const mx::array numbers =
      mx::clip(mx::round(mx::divide(runs, safe)), mx::array(-127.0F), mx::array(127.0F));
  return {mx::reshape(mx::astype(numbers, mx::int8), {tokens, shape.width()}),
          mx::reshape(scales, {tokens, shape.scales()})};
}

/// The values of [R, S, numbers] and [R, S, scales], in the shape's dtype: [R, S, Hkv*D].
mx::array unpacked(const mx::array& numbers, const mx::array& scales, const KvShape& shape) {
  const int rows = numbers.shape(0);
  const int span = numbers.shape(1);
  const mx::array runs =
      mx::reshape(mx::astype(numbers, shape.dtype), {rows, span, shape.scales(), shape.run()});
  const mx::array factors =
      mx::reshape(mx::astype(scales, shape.dtype), {rows, span, shape.scales(), 1});
  return mx::reshape(mx::multiply(runs, factors), {rows, span, shape.width()});
}

void store(KvRows& rows, const mx::array& slots, const mx::array& x, const KvShape& shape) {
  const KvRows fresh = packed(x, shape);
  rows.numbers = scattered(rows.numbers, slots, fresh.numbers);
  if (rows.scales) {
    rows.scales = scattered(*rows.scales, slots, *fresh.scales);
  }
}

/// The first S slots of the pass's rows: [R, S, width].
mx::array in_use(const mx::array& slots, const PassLayout& layout, const KvCache& cache) {
  const int width = slots.shape(1);
  mx::array all = mx::reshape(slots, {cache.rows(), cache.capacity(), width});
  all = mx::slice(all, {0, 0, 0}, {cache.rows(), layout.span, width});
  return layout.rows ? mx::take(all, *layout.rows, 0) : all;
}

/// Prefix and the rows' slots, as the attention wants them: [R, Hkv, P + S, D].
mx::array cached(const KvRows& slots,
                 const std::optional<KvRows>& prefix,
                 const PassLayout& layout,
                 const KvCache& cache) {
  const KvShape& shape = cache.shape();
  const int width = shape.width();
  mx::array all = in_use(slots.numbers, layout, cache);
  if (slots.scales) {
    all = unpacked(all, in_use(*slots.scales, layout, cache), shape);
  }
  if (prefix) {
    const int length = prefix->numbers.shape(0);
    mx::array shared = mx::reshape(prefix->numbers, {1, length, width});
    if (prefix->scales) {
      shared = unpacked(shared, mx::reshape(*prefix->scales, {1, length, shape.scales()}), shape);
    }
    shared = mx::broadcast_to(shared, {layout.row_count, length, width});
    all = mx::concatenate({shared, all}, 1);
  }
  all = mx::reshape(all, {layout.row_count, all.shape(1), shape.kv_heads, shape.head_dim});
  return mx::transpose(all, {0, 2, 1, 3});
}

}  // namespace

mx::array portable_decoder_attention(const mx::array& qkv,
                                     const Heads& heads,
                                     const Pass& pass,
                                     KvCache& cache,
                                     int layer_index,
                                     const Rope& rope,
                                     const Reach& reach) {
  if (pass.layout == nullptr) {
    pass.layout = make_layout(pass, cache, rope, heads.cap == 0);
  }
  const PassLayout& layout = *pass.layout;
  mx::array q = rotate(columns(qkv, 0, heads.query, heads.dim), layout, rope);
  const mx::array k =
      rotate(columns(qkv, heads.query * heads.dim, heads.kv, heads.dim), layout, rope);
  const mx::array v = columns(qkv, (heads.query + heads.kv) * heads.dim, heads.kv, heads.dim);
  KvCache::Layer& layer = cache.layer(layer_index);
  store(*layer.keys, layout.slots, k, cache.shape());
  store(*layer.values, layout.slots, v, cache.shape());
  if (layout.gather) {
    q = mx::take(q, *layout.gather, 0);
  }
  q = mx::transpose(mx::reshape(q, {layout.row_count, layout.length, heads.query, heads.dim}),
                    {0, 2, 1, 3});
  const mx::array keys = cached(*layer.keys, layer.prefix_keys, layout, cache);
  const mx::array values = cached(*layer.values, layer.prefix_values, layout, cache);
  const auto& mask = mask_of(layout, pass, reach, cache.shape().dtype);
  // MLX's name for rows that are all alike: the last query sees every key.
  const std::string mode = mask || layout.length == 1 ? "" : "causal";
  mx::array out = heads.cap > 0 ? capped_attention(q, keys, values, heads, mask)
                                : mx::fast::scaled_dot_product_attention(
                                      q, keys, values, heads.scale, mode, mask);
  out = mx::reshape(mx::transpose(out, {0, 2, 1, 3}),
                    {layout.row_count * layout.length, heads.query * heads.dim});
  return layout.unpack ? mx::take(out, *layout.unpack, 0) : out;
}

mx::array portable_tile_attention(const mx::array& qkv,
                                  const Heads& heads,
                                  int tiles,
                                  int patches,
                                  const std::optional<mx::array>& angles) {
  const auto part = [&](int index) {
    const int width = heads.query * heads.dim;
    mx::array x = columns(qkv, index * width, heads.query, heads.dim);
    if (angles && index < 2) {
      const mx::array turns = mx::reshape(*angles, {tiles * patches, 1, heads.dim});
      x = mx::astype(rotate_by(mx::astype(x, mx::float32), turns), qkv.dtype());
    }
    return mx::transpose(mx::reshape(x, {tiles, patches, heads.query, heads.dim}), {0, 2, 1, 3});
  };
  const mx::array out =
      mx::fast::scaled_dot_product_attention(part(0), part(1), part(2), heads.scale);
  return mx::reshape(mx::transpose(out, {0, 2, 1, 3}), {tiles * patches, heads.query * heads.dim});
}

bool fused_attention(mx::Dtype dtype, const Heads& heads, int queries, bool masked) {
  if (heads.cap > 0) {
    return false;
  }
  const auto zeros = [&](int count) { return mx::zeros({1, count, queries, heads.dim}, dtype); };
  const auto mask =
      masked ? std::optional(mx::zeros({1, 1, queries, queries}, dtype)) : std::nullopt;
  const mx::array out = mx::fast::scaled_dot_product_attention(
      zeros(heads.query), zeros(heads.kv), zeros(heads.kv), heads.scale, "", mask);
  return std::string_view(out.primitive().name()) == "ScaledDotProductAttention";
}

}  // namespace headroom::engine
