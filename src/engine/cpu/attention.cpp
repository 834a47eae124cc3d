#include <cblas.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/primitive.h"

namespace headroom::engine::cpu {
namespace {

/// Queries of one block: enough for BLAS to be efficient, few enough that the scores stay in cache.
constexpr int kBlock = 128;
/// Keys or values of a quantised run that are floats at one time.
constexpr long kDequantised = 256;
/// Multiplications below which the plain loops beat a BLAS call.
constexpr long kSmall = 64L * 64 * 64;

/// A run of keys or values of one head: row j at data + j * stride; or, quantised, its numbers at
/// numbers + j * stride and their scales at scales + j * scale_stride.
struct Run2d {
  const float* data = nullptr;
  long stride = 0;
  long count = 0;
  const std::int8_t* numbers = nullptr;
  const mx::float16_t* scales = nullptr;
  long scale_stride = 0;
  long scaled = 0;  // numbers that share a scale

  /// Without its first `n` rows.
  Run2d behind(long n) const {
    Run2d rest = *this;
    rest.count -= n;
    if (numbers == nullptr) {
      rest.data += n * stride;
    } else {
      rest.numbers += n * stride;
      rest.scales += n * scale_stride;
    }
    return rest;
  }
};

/// Memory that one head after the other uses again.
struct Workspace {
  std::vector<float> queries;
  std::vector<float> keys;
  std::vector<float> scores;
  std::vector<float> dequantised;
  std::vector<int> visible;
  std::vector<int> first;
};

std::vector<float>& with_room(std::vector<float>& values, long count) {
  values.resize(std::max(values.size(), static_cast<std::size_t>(count)));
  return values;
}

/// Calls `use(from, part)` with the run as floats: the whole at once, or block by block where it is
/// quantised.
template <typename Use>
void for_parts(const Run2d& run, long dim, std::vector<float>& block, const Use& use) {
  if (run.numbers == nullptr) {
    if (run.count > 0) {
      use(0L, run);
    }
    return;
  }
  with_room(block, kDequantised * dim);
  for (long from = 0; from < run.count; from += kDequantised) {
    const long n = std::min(kDequantised, run.count - from);
    dequantise_rows(run.numbers + from * run.stride,
                    run.stride,
                    run.scales + from * run.scale_stride,
                    run.scale_stride,
                    block.data(),
                    n,
                    dim,
                    run.scaled);
    use(from, Run2d{block.data(), dim, n});
  }
}

void scores(const float* q, long ldq, const Run2d& keys, float* s, long lds, long n, long dim) {
  if (n * keys.count * dim < kSmall) {
    small_scores(q, ldq, keys.data, keys.stride, s, lds, n, keys.count, dim);
    return;
  }
  cblas_sgemm(CblasRowMajor,
              CblasNoTrans,
              CblasTrans,
              static_cast<int>(n),
              static_cast<int>(keys.count),
              static_cast<int>(dim),
              1.0F,
              q,
              static_cast<int>(ldq),
              keys.data,
              static_cast<int>(keys.stride),
              0.0F,
              s,
              static_cast<int>(lds));
}

/// O += S V.
void mix(const float* s, long lds, const Run2d& values, float* o, long ldo, long n, long dim) {
  if (n * values.count * dim < kSmall) {
    small_mix(s, lds, values.data, values.stride, o, ldo, n, values.count, dim);
    return;
  }
  cblas_sgemm(CblasRowMajor,
              CblasNoTrans,
              CblasNoTrans,
              static_cast<int>(n),
              static_cast<int>(dim),
              static_cast<int>(values.count),
              1.0F,
              s,
              static_cast<int>(lds),
              values.data,
              static_cast<int>(values.stride),
              1.0F,
              o,
              static_cast<int>(ldo));
}

/// One head's attention of `n` queries to a shared run and a run of their own. Query i sees only
/// the first visible[i] of its own run, and none of the first first[i] of both, where that is
/// given.
struct Block {
  const float* q = nullptr;  // scaled already
  long ldq = 0;
  Run2d shared_keys;
  Run2d shared_values;
  Run2d own_keys;
  Run2d own_values;
  const int* visible = nullptr;
  const int* first = nullptr;
  float cap = 0.0F;
  float* out = nullptr;
  long ldo = 0;
  long n = 0;
  long dim = 0;
};

void attend(const Block& block, Workspace& workspace) {
  const long shared = block.shared_keys.count;
  const long own = block.own_keys.count;
  const long lds = shared + own;
  float* s = with_room(workspace.scores, block.n * lds).data();
  const auto score = [&](const Run2d& keys, float* to) {
    for_parts(keys, block.dim, workspace.dequantised, [&](long from, const Run2d& part) {
      scores(block.q, block.ldq, part, to + from, lds, block.n, block.dim);
    });
  };
  score(block.shared_keys, s);
  score(block.own_keys, s + shared);
  std::vector<float> sums(static_cast<std::size_t>(block.n));
  for (long i = 0; i < block.n; ++i) {
    float* row = s + i * lds;
    const long visible = block.visible == nullptr ? own : block.visible[i];
    const long first = block.first == nullptr ? 0 : block.first[i];
    const long left_out = std::min(first, shared);  // of the shared run
    const long own_left_out = first - left_out;
    float* const own_row = row + shared + own_left_out;
    const long own_seen = visible - own_left_out;
    if (block.cap > 0) {
      cap_row(row + left_out, shared - left_out, block.cap);
      cap_row(own_row, own_seen, block.cap);
    }
    sums[static_cast<std::size_t>(i)] =
        softmax_pieces(row + left_out, shared - left_out, own_row, own_seen);
    std::fill(row, row + left_out, 0.0F);
    std::fill(row + shared, own_row, 0.0F);
    std::fill(row + shared + visible, row + lds, 0.0F);
    std::fill(block.out + i * block.ldo, block.out + i * block.ldo + block.dim, 0.0F);
  }
  const auto add = [&](const Run2d& values, const float* weights) {
    for_parts(values, block.dim, workspace.dequantised, [&](long from, const Run2d& part) {
      mix(weights + from, lds, part, block.out, block.ldo, block.n, block.dim);
    });
  };
  add(block.shared_values, s);
  add(block.own_values, s + shared);
  for (long i = 0; i < block.n; ++i) {
    scale_row(block.out + i * block.ldo, block.dim, 1.0F / sums[static_cast<std::size_t>(i)]);
  }
}

/// Keys or values of the cache, of all heads and slots.
struct Stored {
  const void* numbers = nullptr;
  const mx::float16_t* scales = nullptr;  // where they are quantised

  /// Row `slot` on, from number `column` on.
  Run2d at(long slot, long column, const KvShape& shape, long count) const {
    const long from = slot * shape.width() + column;
    if (scales == nullptr) {
      return {static_cast<const float*>(numbers) + from, shape.width(), count};
    }
    Run2d run{nullptr, shape.width(), count};
    run.numbers = static_cast<const std::int8_t*>(numbers) + from;
    run.scales = scales + slot * shape.scales() + column / shape.run();
    run.scale_stride = shape.scales();
    run.scaled = shape.run();
    return run;
  }

  /// The cache belongs to this pass: written here in place, read by nobody before the next pass.
  void put(long slot, long column, const float* x, long count, const KvShape& shape) const {
    const Run2d place = at(slot, column, shape, 1);
    if (scales == nullptr) {
      std::copy(x, x + count, const_cast<float*>(place.data));
      return;
    }
    quantise_row(x,
                 const_cast<std::int8_t*>(place.numbers),
                 const_cast<mx::float16_t*>(place.scales),
                 count,
                 shape.run());
  }
};

/// Everything a decoder pass needs beside the arrays.
struct DecoderRun {
  Heads heads;
  KvShape shape;
  std::shared_ptr<const Pass> pass;
  std::shared_ptr<const Rope::Table> table;
  bool by_token = false;  // the table has an entry for each packed token; else for each position
  std::shared_ptr<const Rope::Table> long_table;  // null: no token is rotated by it
  std::vector<char> is_long;                      // of each packed token
  int capacity = 0;
  long rotated_dim = 0;
  Reach reach;

  long dim() const { return heads.dim; }

  long kv_width() const { return long{heads.kv} * heads.dim; }

  long qkv_width() const { return long{heads.query + 2 * heads.kv} * heads.dim; }

  /// Rotated keys and the values go to their slots.
  void append(const float* qkv, const Stored& keys, const Stored& values) const {
    const float* token = qkv;
    std::vector<float> rotated(static_cast<std::size_t>(dim()));
    int packed = 0;
    for (const Segment& segment : pass->segments) {
      for (int i = 0; i < segment.count; ++i, ++packed, token += qkv_width()) {
        const long slot = long{segment.row} * capacity + segment.cached + i;
        const float* angle = angles(segment, i, packed);
        const float* k = token + long{heads.query} * dim();
        for (int head = 0; head < heads.kv; ++head) {
          rotate(k + head * dim(), angle, rotated.data(), 1.0F);
          keys.put(slot, head * dim(), rotated.data(), dim(), shape);
        }
        values.put(slot, 0, k + kv_width(), kv_width(), shape);
      }
    }
  }

  /// Of token i of a segment, which is token `packed` of the pass.
  const float* angles(const Segment& segment, int i, int packed) const {
    const Rope::Table& angles =
        long_table && is_long[static_cast<std::size_t>(packed)] != 0 ? *long_table : *table;
    const long entry = by_token ? packed : pass->prefix + segment.cached + i;
    return angles.data() + entry * rotated_dim;
  }

  /// The numbers of a head that are rotated stand before those that are not.
  void rotate(const float* x, const float* angle, float* y, float scale) const {
    rotate_head(x, angle, y, rotated_dim, scale);
    for (long i = rotated_dim; i < dim(); ++i) {
      y[i] = x[i] * scale;
    }
  }

  /// One head of one segment, block by block. `packed`: index of the segment's first token.
  void attend_segment(const float* qkv,
                      const Segment& segment,
                      int packed,
                      int head,
                      Block block,
                      Workspace& workspace) const {
    float* const out = block.out;
    for (int from = 0; from < segment.count; from += kBlock) {
      const int n = std::min(kBlock, segment.count - from);
      float* rotated = with_room(workspace.queries, n * dim()).data();
      for (int i = 0; i < n; ++i) {
        rotate(qkv + (from + i) * qkv_width() + head * dim(),
               angles(segment, from + i, packed + from + i),
               rotated + i * dim(),
               heads.scale);
      }
      block.q = rotated;
      block.ldq = dim();
      block.n = n;
      block.out = out + from * block.ldo;
      attend(seen_part(block, segment, from, packed, workspace), workspace);
    }
  }

  /// `block` with what its queries, from the segment's token `from` on, see of both runs. What none
  /// of them sees is left out of the runs.
  Block seen_part(
      Block block, const Segment& segment, int from, int packed, Workspace& workspace) const {
    workspace.visible.clear();
    workspace.first.clear();
    for (int i = from; i < from + block.n; ++i) {
      workspace.visible.push_back(pass->visible(segment, i, packed + i));
      workspace.first.push_back(pass->first_visible(segment, i, packed + i, reach));
    }
    block.own_keys.count = block.own_values.count =
        *std::max_element(workspace.visible.begin(), workspace.visible.end());
    const int first = *std::min_element(workspace.first.begin(), workspace.first.end());
    const int shared = std::min(first, pass->prefix);
    const int own = first - shared;
    block.shared_keys = block.shared_keys.behind(shared);
    block.shared_values = block.shared_values.behind(shared);
    block.own_keys = block.own_keys.behind(own);
    block.own_values = block.own_values.behind(own);
    for (std::size_t i = 0; i < workspace.visible.size(); ++i) {
      workspace.visible[i] -= own;
      workspace.first[i] -= first;
    }
    block.visible = workspace.visible.data();
    block.first = workspace.first.data();
    return block;
  }

  /// The cache's arrays stand behind the queries, keys before values, the rows' before the
  /// prefix's, each with its scales behind it.
  Stored stored(const std::vector<const void*>& in, std::size_t index) const {
    if (!shape.quantised) {
      return {in[1 + index]};
    }
    return {in[1 + 2 * index], static_cast<const mx::float16_t*>(in[2 + 2 * index])};
  }

  void operator()(const std::vector<const void*>& in, float* out) const {
    const auto* qkv = static_cast<const float*>(in[0]);
    const Stored keys = stored(in, 0);
    const Stored values = stored(in, 1);
    append(qkv, keys, values);
    Workspace workspace;
    Block block;
    block.dim = dim();
    block.cap = heads.cap;
    block.ldo = long{heads.query} * dim();
    int packed = 0;
    for (const Segment& segment : pass->segments) {
      for (int head = 0; head < heads.query; ++head) {
        const long column = long{head / (heads.query / heads.kv)} * dim();
        const long slot = long{segment.row} * capacity;
        block.own_keys = keys.at(slot, column, shape, 0);
        block.own_values = values.at(slot, column, shape, 0);
        if (pass->prefix > 0) {
          block.shared_keys = stored(in, 2).at(0, column, shape, pass->prefix);
          block.shared_values = stored(in, 3).at(0, column, shape, pass->prefix);
        }
        block.out = out + head * dim();
        attend_segment(qkv, segment, packed, head, block, workspace);
      }
      packed += segment.count;
      qkv += segment.count * qkv_width();
      out += segment.count * block.ldo;
    }
  }
};

/// Patches that attend to one another.
struct Tile {
  const float* qkv = nullptr;     // [patches, 3 * width]
  const float* angles = nullptr;  // [patches, D]; null: nothing is rotated
  int patches = 0;
  long width = 0;

  /// Row `patch` of a head's queries (part 0), keys (1) or values (2).
  const float* row(int patch, int part, long column) const {
    return qkv + long{patch} * 3 * width + part * width + column;
  }

  /// The same rotated, or as it is, times `scale`.
  void turn(int patch, int part, long column, long dim, float scale, float* to) const {
    const float* x = row(patch, part, column);
    if (angles != nullptr) {
      rotate_head(x, angles + patch * dim, to, dim, scale);
      return;
    }
    std::copy(x, x + dim, to);
    scale_row(to, dim, scale);
  }
};

/// One head of one tile, block by block.
void attend_tile(const Tile& tile, int head, const Heads& heads, float* out, Workspace& workspace) {
  const long dim = heads.dim;
  const long column = head * dim;
  Block block;
  block.own_keys = {tile.row(0, 1, column), 3 * tile.width, tile.patches};
  block.own_values = {tile.row(0, 2, column), 3 * tile.width, tile.patches};
  if (tile.angles != nullptr) {
    float* keys = with_room(workspace.keys, tile.patches * dim).data();
    for (int i = 0; i < tile.patches; ++i) {
      tile.turn(i, 1, column, dim, 1.0F, keys + i * dim);
    }
    block.own_keys = {keys, dim, tile.patches};
  }
  for (int from = 0; from < tile.patches; from += kBlock) {
    const int n = std::min(kBlock, tile.patches - from);
    float* queries = with_room(workspace.queries, n * dim).data();
    for (int i = 0; i < n; ++i) {
      tile.turn(from + i, 0, column, dim, heads.scale, queries + i * dim);
    }
    block.q = queries;
    block.ldq = dim;
    block.out = out + from * tile.width;
    block.ldo = tile.width;
    block.n = n;
    block.dim = dim;
    attend(block, workspace);
  }
}

}  // namespace

mx::array decoder_attention(mx::array&& qkv,
                            const Heads& heads,
                            const std::shared_ptr<const Pass>& pass,
                            KvCache& cache,
                            int layer_index,
                            const Rope& rope,
                            const Reach& reach) {
  const int tokens = qkv.shape(0);
  const KvCache::Layer& layer = cache.layer(layer_index);
  std::vector<mx::array> inputs;
  inputs.push_back(std::move(qkv));
  const auto read = [&inputs](const KvRows& rows) {
    inputs.push_back(rows.numbers);
    if (rows.scales) {
      inputs.push_back(*rows.scales);
    }
  };
  read(*layer.keys);
  read(*layer.values);
  if (pass->prefix > 0) {
    read(*layer.prefix_keys);
    read(*layer.prefix_values);
  }
  const auto by_token = rope.angles(*pass);
  DecoderRun run{
      heads, cache.shape(), pass, by_token != nullptr ? by_token : rope.table(pass->reach())};
  run.by_token = by_token != nullptr;
  run.capacity = cache.capacity();
  run.rotated_dim = rope.dim();
  run.reach = reach;
  run.is_long = rope.long_tokens(*pass);
  if (!run.is_long.empty()) {
    run.long_table = rope.table(pass->reach(), true);
  }
  return make_mixed_array(
      "DecoderAttention", {tokens, heads.query * heads.dim}, std::move(inputs), std::move(run));
}

mx::array tile_attention(mx::array&& qkv,
                         const Heads& heads,
                         int tiles,
                         int patches,
                         const std::optional<mx::array>& angles) {
  const bool rotated = angles.has_value();
  const auto run = [=](const std::vector<const float*>& in, float* out) {
    const long dim = heads.dim;
    const long width = long{heads.query} * dim;
    Workspace workspace;
    for (int tile = 0; tile < tiles; ++tile) {
      const Tile from{in[0] + long{tile} * patches * 3 * width,
                      rotated ? in[1] + long{tile} * patches * dim : nullptr,
                      patches,
                      width};
      for (int head = 0; head < heads.query; ++head) {
        attend_tile(from, head, heads, out + long{tile} * patches * width + head * dim, workspace);
      }
    }
  };
  std::vector<mx::array> inputs;
  inputs.push_back(std::move(qkv));
  if (angles) {
    inputs.push_back(*angles);
  }
  return make_array(
      "TileAttention", {tiles * patches, heads.query * heads.dim}, std::move(inputs), run);
}

}  // namespace headroom::engine::cpu
