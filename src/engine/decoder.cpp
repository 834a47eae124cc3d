#include "engine/decoder.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace headroom::engine {
namespace {

/// A stored head is used whatever the flags say; without one, the flag must say that it is shared,
/// or it is missing.
mx::array take_head(const DecoderConfig& config,
                    Weights& weights,
                    const std::string& name,
                    const mx::array& embeddings) {
  if (!weights.has(name) && config.tied_head) {
    return embeddings;
  }
  return weights.take(name, {config.vocabulary, config.hidden_size});
}

/// x with the features that belong to the output of layer `index` added at their tokens. Such are
/// the sets that stand beside the first where the features are several decoder's widths wide.
/// `kept`: the pass's tokens that x has, in order; null: all.
mx::array with_layer_features(mx::array&& x,
                              const Pass& pass,
                              int index,
                              const std::vector<int>* kept) {
  const int width = x.shape(1);
  const int from = (index + 1) * width;
  if (pass.features == nullptr || pass.features->shape(1) < from + width) {
    return std::move(x);
  }
  std::vector<int> places;
  std::vector<int> rows;
  for (int i = 0; i < x.shape(0); ++i) {
    const int packed = kept == nullptr ? i : (*kept)[static_cast<std::size_t>(i)];
    const int row = pass.tokens[static_cast<std::size_t>(packed)].feature;
    if (row >= 0) {
      places.push_back(i);
      rows.push_back(row);
    }
  }
  if (places.empty()) {
    return std::move(x);
  }
  const int count = static_cast<int>(places.size());
  const mx::array set =
      mx::slice(*pass.features, {0, from}, {pass.features->shape(0), from + width});
  const mx::array chosen = mx::take(set, mx::array(rows.data(), {count}, mx::int32), 0);
  return mx::scatter_add(
      x, mx::array(places.data(), {count}, mx::int32), mx::reshape(chosen, {count, 1, width}), 0);
}

}  // namespace

Heads DecoderConfig::shape() const {
  const float scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
  return {heads, kv_heads, head_dim, attention_scale > 0 ? attention_scale : scale, attention_cap};
}

Decoder::Layer Decoder::take_layer(Weights& weights,
                                   const DecoderConfig& config,
                                   bool fused,
                                   const std::string& name) {
  const std::string attention = name + "self_attn.";
  const std::string mlp = name + "mlp.";
  const int width = config.hidden_size;
  const int q = config.heads * config.head_dim;
  const int kv = config.kv_heads * config.head_dim;
  const int inner = config.intermediate_size;
  const std::array<std::string, 3> qkv{
      attention + "q_proj", attention + "k_proj", attention + "v_proj"};
  const std::array<int, 3> qkv_rows{q, kv, kv};
  const std::array<std::string, 2> gate_up{mlp + "gate_proj", mlp + "up_proj"};
  const std::array<int, 2> gate_up_rows{inner, inner};
  const auto stacked = [&](const std::string& whole, auto& parts, auto& rows, bool bias) {
    return fused ? take_linear(
                       weights, whole, std::accumulate(rows.begin(), rows.end(), 0), width, bias)
                 : take_stacked(weights, parts, rows, width, bias);
  };
  const auto norm = [&](const std::string& part, int size) {
    return take_rms_norm(weights, part + ".weight", size, config.norms_less_one);
  };
  const auto layer_norm = [&](const std::string& part) {
    return take_norm(
        weights, name + part, config.hidden_size, config.layer_norm, config.norms_less_one);
  };
  Layer layer{layer_norm("input_layernorm"),
              stacked(attention + "qkv_proj", qkv, qkv_rows, config.qkv_bias),
              std::nullopt,
              take_linear(weights, attention + "o_proj", width, q, config.out_bias),
              std::nullopt,
              std::nullopt,
              config.gated ? stacked(mlp + "gate_up_proj", gate_up, gate_up_rows, config.mlp_bias)
                           : take_linear(weights, mlp + "up_proj", inner, width, config.mlp_bias),
              take_linear(weights, mlp + "down_proj", width, inner, config.mlp_bias),
              std::nullopt};
  if (!config.parallel) {
    layer.norm2 = layer_norm(
        (config.norms_behind ? "pre_feedforward_layernorm" : "post_attention_layernorm"));
  }
  if (config.norms_behind) {
    layer.norm1_behind = norm(name + "post_attention_layernorm", width);
    layer.norm2_behind = norm(name + "post_feedforward_layernorm", width);
  }
  if (config.head_norms) {
    layer.head_norms = HeadNorms{norm(attention + "q_norm", config.head_dim),
                                 norm(attention + "k_norm", config.head_dim)};
  }
  return layer;
}

Decoder::Decoder(const DecoderConfig& config, Weights& weights, Ops ops, const DecoderNames& names)
    : config_(config),
      ops_(ops),
      rope_(config.rope),
      window_rope_(config.window_rope.value_or(config.rope)),
      embeddings_(weights.take(names.body + "embed_tokens.weight",
                               {config_.vocabulary, config_.hidden_size})),
      norm_(take_norm(weights,
                      names.body + "norm",
                      config_.hidden_size,
                      config_.layer_norm,
                      config_.norms_less_one)),
      head_(take_head(config_, weights, names.head, embeddings_)) {
  if (config_.head_bias) {
    head_bias_ = weights.take(names.head_bias, {config_.vocabulary});
  }
  for (int i = 0; i < config_.layers; ++i) {
    layers_.push_back(
        take_layer(weights, config_, names.fused, fmt::format("{}layers.{}.", names.body, i)));
  }
}

mx::array Decoder::embed(const std::vector<int>& ids) const {
  const mx::array rows =
      mx::take(embeddings_, mx::array(ids.data(), {static_cast<int>(ids.size())}, mx::int32), 0);
  return config_.embedding_scale == 1.0F
             ? rows
             : mx::multiply(rows, mx::array(config_.embedding_scale, rows.dtype()));
}

/// Before the projection of the heads' results. `h`: normalised.
mx::array Decoder::attend(const mx::array& h,
                          const Layer& layer,
                          int index,
                          const std::shared_ptr<const Pass>& pass,
                          KvCache& cache) const {
  mx::array qkv = ops_.linear(h, layer.qkv.weight, layer.qkv.bias);
  if (layer.head_norms) {
    qkv = ops_.head_norms(
        qkv, config_.shape(), layer.head_norms->queries, layer.head_norms->keys, config_.norm_eps);
  }
  const Reach reach = config_.reach_of(index);
  const Rope& rope = reach.window > 0 ? window_rope_ : rope_;
  return ops_.decoder_attention(std::move(qkv), config_.shape(), pass, cache, index, rope, reach);
}

/// x and `linear` of h, which is normalised where there is a norm. Consumes x.
mx::array Decoder::add_half(mx::array&& x,
                            const mx::array& h,
                            const Linear& linear,
                            const std::optional<mx::array>& norm) const {
  if (!norm) {
    return ops_.linear(h, linear.weight, linear.bias, std::move(x));
  }
  const mx::array added = ops_.linear(h, linear.weight, linear.bias);
  return mx::add(ops_.rms_norm(added, *norm, config_.norm_eps), x);
}

/// Consumes the residual. `h`: normalised.
mx::array Decoder::mlp(const mx::array& h, mx::array&& residual, const Layer& layer) const {
  mx::array inner = ops_.linear(h, layer.gate_up.weight, layer.gate_up.bias);
  inner = config_.gated ? ops_.gated(inner, config_.activation)
                        : ops_.activate(std::move(inner), config_.activation);
  return add_half(std::move(residual), inner, layer.down, layer.norm2_behind);
}

mx::array Decoder::forward(mx::array&& input,
                           const std::shared_ptr<const Pass>& pass,
                           KvCache& cache,
                           const std::vector<int>& wanted,
                           const Guard& guard,
                           const Tap& tap) const {
  mx::array x = std::move(input);
  const std::vector<int>* kept = nullptr;
  for (int i = 0; i < config_.layers; ++i) {
    const Layer& layer = layers_[static_cast<std::size_t>(i)];
    mx::array h = normed(ops_, x, layer.norm1, config_.norm_eps);
    mx::array mixed = attend(h, layer, i, pass, cache);
    if (i + 1 == config_.layers) {
      // Of the last layer only its keys and values concern tokens whose logits nobody wants.
      if (wanted.empty()) {
        return mixed;
      }
      if (static_cast<int>(wanted.size()) < x.shape(0)) {
        const mx::array rows(wanted.data(), {static_cast<int>(wanted.size())}, mx::int32);
        x = mx::take(x, rows, 0);
        h = mx::take(h, rows, 0);
        mixed = mx::take(mixed, rows, 0);
        kept = &wanted;
      }
    }
    x = add_half(std::move(x), mixed, layer.out, layer.norm1_behind);
    x = guard.watch(x);
    if (layer.norm2) {
      h = normed(ops_, x, *layer.norm2, config_.norm_eps);
    }
    x = guard.watch(mlp(h, std::move(x), layer));
    if (tap) {
      tap(fmt::format("text.{}", i), x);
    }
    x = with_layer_features(std::move(x), *pass, i, kept);
  }
  return normed(ops_, x, norm_, config_.norm_eps);
}

mx::array Decoder::logits(const mx::array& hidden) const {
  return mx::astype(ops_.linear(hidden, head_, head_bias_), mx::float32);
}

}  // namespace headroom::engine
