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
/// Multiplications below which the plain loops beat a BLAS call.
constexpr long kSmall = 64L * 64 * 64;

/// A run of keys or values of one head: row j at data + j * stride.
struct Run2d {
  const float* data = nullptr;
  long stride = 0;
  long count = 0;
};

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

/// One head's attention of `n` queries to a shared run and a run of their own. With `causal`, query
/// i sees only the first `seen + i` of its own run.
struct Block {
  const float* q = nullptr;  // scaled already
  long ldq = 0;
  Run2d shared_keys;
  Run2d shared_values;
  Run2d own_keys;
  Run2d own_values;
  bool causal = false;
  long seen = 0;
  float* out = nullptr;
  long ldo = 0;
  long n = 0;
  long dim = 0;
};

void attend(const Block& block, std::vector<float>& workspace) {
  const long shared = block.shared_keys.count;
  const long own = block.own_keys.count;
  const long lds = shared + own;
  workspace.resize(std::max(workspace.size(), static_cast<std::size_t>(block.n * lds)));
  float* s = workspace.data();
  if (shared > 0) {
    scores(block.q, block.ldq, block.shared_keys, s, lds, block.n, block.dim);
  }
  scores(block.q, block.ldq, block.own_keys, s + shared, lds, block.n, block.dim);
  std::vector<float> sums(static_cast<std::size_t>(block.n));
  for (long i = 0; i < block.n; ++i) {
    float* row = s + i * lds;
    const long visible = block.causal ? std::min(own, block.seen + i) : own;
    sums[static_cast<std::size_t>(i)] = softmax_pieces(row, shared, row + shared, visible);
    std::fill(row + shared + visible, row + lds, 0.0F);
    std::fill(block.out + i * block.ldo, block.out + i * block.ldo + block.dim, 0.0F);
  }
  if (shared > 0) {
    mix(s, lds, block.shared_values, block.out, block.ldo, block.n, block.dim);
  }
  mix(s + shared, lds, block.own_values, block.out, block.ldo, block.n, block.dim);
  for (long i = 0; i < block.n; ++i) {
    scale_row(block.out + i * block.ldo, block.dim, 1.0F / sums[static_cast<std::size_t>(i)]);
  }
}

/// Everything a decoder pass needs beside the arrays.
struct DecoderRun {
  Heads heads;
  std::shared_ptr<const Pass> pass;
  std::shared_ptr<const Rope::Table> table;
  int capacity = 0;

  long dim() const { return heads.dim; }

  long kv_width() const { return long{heads.kv} * heads.dim; }

  long qkv_width() const { return long{heads.query + 2 * heads.kv} * heads.dim; }

  /// Rotated keys and the values go to their slots.
  void append(const float* qkv, float* keys, float* values) const {
    const float* token = qkv;
    for (const Segment& segment : pass->segments) {
      for (int i = 0; i < segment.count; ++i, token += qkv_width()) {
        const long slot = long{segment.row} * capacity + segment.cached + i;
        const float* angle = angles(segment, i);
        const float* k = token + long{heads.query} * dim();
        for (int head = 0; head < heads.kv; ++head) {
          rotate_head(
              k + head * dim(), angle, keys + slot * kv_width() + head * dim(), dim(), 1.0F);
        }
        std::copy(k + kv_width(), k + 2 * kv_width(), values + slot * kv_width());
      }
    }
  }

  const float* angles(const Segment& segment, int i) const {
    return table->data() + long{pass->prefix + segment.cached + i} * dim();
  }

  /// One head of one segment, block by block.
  void attend_segment(const float* qkv,
                      const Segment& segment,
                      int head,
                      Block block,
                      std::vector<float>& rotated,
                      std::vector<float>& workspace) const {
    float* const out = block.out;
    for (int from = 0; from < segment.count; from += kBlock) {
      const int n = std::min(kBlock, segment.count - from);
      rotated.resize(std::max(rotated.size(), static_cast<std::size_t>(n * dim())));
      for (int i = 0; i < n; ++i) {
        rotate_head(qkv + (from + i) * qkv_width() + head * dim(),
                    angles(segment, from + i),
                    rotated.data() + i * dim(),
                    dim(),
                    heads.scale);
      }
      block.q = rotated.data();
      block.ldq = dim();
      block.n = n;
      block.seen = segment.cached + from + 1;
      block.own_keys.count = block.own_values.count = segment.cached + from + n;
      block.out = out + from * block.ldo;
      attend(block, workspace);
    }
  }

  void operator()(const std::vector<const float*>& in, float* out) const {
    const float* qkv = in[0];
    // The cache belongs to this pass: written here in place, read by nobody before the next pass.
    auto* keys = const_cast<float*>(in[1]);
    auto* values = const_cast<float*>(in[2]);
    append(qkv, keys, values);
    std::vector<float> rotated;
    std::vector<float> workspace;
    Block block;
    block.causal = true;
    block.dim = dim();
    block.ldo = long{heads.query} * dim();
    for (const Segment& segment : pass->segments) {
      for (int head = 0; head < heads.query; ++head) {
        const long column = long{head / (heads.query / heads.kv)} * dim();
        const long row = long{segment.row} * capacity * kv_width() + column;
        block.own_keys = {keys + row, kv_width(), 0};
        block.own_values = {values + row, kv_width(), 0};
        if (pass->prefix > 0) {
          block.shared_keys = {in[3] + column, kv_width(), pass->prefix};
          block.shared_values = {in[4] + column, kv_width(), pass->prefix};
        }
        block.out = out + head * dim();
        attend_segment(qkv, segment, head, block, rotated, workspace);
      }
      qkv += segment.count * qkv_width();
      out += segment.count * block.ldo;
    }
  }
};

}  // namespace

mx::array decoder_attention(mx::array&& qkv,
                            const Heads& heads,
                            const std::shared_ptr<const Pass>& pass,
                            KvCache& cache,
                            int layer_index,
                            const Rope& rope) {
  const int tokens = qkv.shape(0);
  const KvCache::Layer& layer = cache.layer(layer_index);
  std::vector<mx::array> inputs;
  inputs.push_back(std::move(qkv));
  inputs.push_back(*layer.keys);
  inputs.push_back(*layer.values);
  if (pass->prefix > 0) {
    inputs.push_back(*layer.prefix_keys);
    inputs.push_back(*layer.prefix_values);
  }
  DecoderRun run{heads, pass, rope.table(pass->reach()), cache.capacity()};
  return make_array(
      "DecoderAttention", {tokens, heads.query * heads.dim}, std::move(inputs), std::move(run));
}

mx::array tile_attention(mx::array&& qkv, const Heads& heads, int tiles, int patches) {
  const auto run = [=](const std::vector<const float*>& in, float* out) {
    const long dim = heads.dim;
    const long width = long{heads.query} * dim;
    std::vector<float> workspace;
    std::vector<float> scaled;
    for (int tile = 0; tile < tiles; ++tile) {
      const float* tokens = in[0] + long{tile} * patches * 3 * width;
      for (int head = 0; head < heads.query; ++head) {
        for (int from = 0; from < patches; from += kBlock) {
          const int n = std::min(kBlock, patches - from);
          scaled.resize(std::max(scaled.size(), static_cast<std::size_t>(n * dim)));
          for (int i = 0; i < n; ++i) {
            const float* q = tokens + (from + i) * 3 * width + head * dim;
            std::copy(q, q + dim, scaled.data() + i * dim);
            scale_row(scaled.data() + i * dim, dim, heads.scale);
          }
          Block block;
          block.q = scaled.data();
          block.ldq = dim;
          block.own_keys = {tokens + width + head * dim, 3 * width, patches};
          block.own_values = {tokens + 2 * width + head * dim, 3 * width, patches};
          block.out = out + (long{tile} * patches + from) * width + head * dim;
          block.ldo = width;
          block.n = n;
          block.dim = dim;
          attend(block, workspace);
        }
      }
    }
  };
  std::vector<mx::array> inputs;
  inputs.push_back(std::move(qkv));
  return make_array(
      "TileAttention", {tiles * patches, heads.query * heads.dim}, std::move(inputs), run);
}

}  // namespace headroom::engine::cpu
