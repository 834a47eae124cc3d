// The decoder of SmolVLM and Idefics3: a Llama.
// Source: Transformers 5.24, models/llama/modeling_llama.py.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "smolvlm_model.h"

namespace headroom::models {
namespace {

const std::string kPrefix = "model.text_model.";

/// Matrices stacked, with their biases if the model has them.
template <std::size_t N>
Linear take_stack(engine::Weights& weights,
                  const std::array<std::string, N>& names,
                  const std::array<int, N>& rows,
                  int width,
                  bool bias) {
  const auto with = [&](const char* kind) {
    std::array<std::string, N> full = names;
    for (std::string& name : full) {
      name += kind;
    }
    return full;
  };
  Linear linear{weights.take_stacked(with(".weight"), rows, width), std::nullopt};
  if (bias) {
    linear.bias = weights.take_stacked(with(".bias"), rows, 0);
  }
  return linear;
}

TextLayer take_layer(engine::Weights& weights, const SmolVlmTextConfig& config, int index) {
  const std::string name = fmt::format("{}layers.{}.", kPrefix, index);
  const std::string attention = name + "self_attn.";
  const std::string mlp = name + "mlp.";
  const int width = config.hidden_size;
  const int q = config.heads * config.head_dim;
  const int kv = config.kv_heads * config.head_dim;
  const int inner = config.intermediate_size;
  return {
      weights.take(name + "input_layernorm.weight", {width}),
      take_stack<3>(weights,
                    {attention + "q_proj", attention + "k_proj", attention + "v_proj"},
                    {q, kv, kv},
                    width,
                    config.attention_bias),
      take_stack<1>(weights, {attention + "o_proj"}, {width}, q, config.attention_bias),
      weights.take(name + "post_attention_layernorm.weight", {width}),
      take_stack<2>(
          weights, {mlp + "gate_proj", mlp + "up_proj"}, {inner, inner}, width, config.mlp_bias),
      take_stack<1>(weights, {mlp + "down_proj"}, {width}, inner, config.mlp_bias)};
}

/// A stored head is used whatever the flags say; without one, the flag must say that it is shared,
/// or it is missing.
mx::array take_head(const SmolVlmConfig& config,
                    engine::Weights& weights,
                    const mx::array& embeddings) {
  const std::string name = "lm_head.weight";
  if (!weights.has(name) && config.tied_head) {
    return embeddings;
  }
  return weights.take(name, {config.text.vocabulary, config.text.hidden_size});
}

}  // namespace

SmolVlmText::SmolVlmText(const SmolVlmConfig& config, engine::Weights& weights, engine::Ops ops)
    : config_(config.text),
      ops_(ops),
      rope_(config_.head_dim, config_.rope_theta),
      embeddings_(
          weights.take(kPrefix + "embed_tokens.weight", {config_.vocabulary, config_.hidden_size})),
      norm_(weights.take(kPrefix + "norm.weight", {config_.hidden_size})),
      head_(take_head(config, weights, embeddings_)) {
  for (int i = 0; i < config_.layers; ++i) {
    layers_.push_back(take_layer(weights, config_, i));
  }
}

mx::array SmolVlmText::forward(mx::array&& input,
                               const std::shared_ptr<const engine::Pass>& pass,
                               engine::KvCache& cache,
                               const std::vector<int>& wanted,
                               const engine::Guard& guard,
                               const Tap& tap) const {
  const engine::Heads heads{config_.heads,
                            config_.kv_heads,
                            config_.head_dim,
                            1.0F / std::sqrt(static_cast<float>(config_.head_dim))};
  mx::array x = std::move(input);
  for (int i = 0; i < config_.layers; ++i) {
    const TextLayer& layer = layers_[static_cast<std::size_t>(i)];
    mx::array h = ops_.rms_norm(x, layer.norm1, config_.norm_eps);
    mx::array qkv = ops_.linear(h, layer.qkv.weight, layer.qkv.bias);
    h = ops_.decoder_attention(std::move(qkv), heads, pass, cache, i, rope_);
    if (i + 1 == config_.layers) {
      // Of the last layer only its keys and values concern tokens whose logits nobody wants.
      if (wanted.empty()) {
        return h;
      }
      if (static_cast<int>(wanted.size()) < x.shape(0)) {
        const mx::array rows(wanted.data(), {static_cast<int>(wanted.size())}, mx::int32);
        x = mx::take(x, rows, 0);
        h = mx::take(h, rows, 0);
      }
    }
    x = ops_.linear(h, layer.out.weight, layer.out.bias, std::move(x));
    x = guard.watch(x);
    h = ops_.rms_norm(x, layer.norm2, config_.norm_eps);
    h = ops_.silu_multiply(ops_.linear(h, layer.gate_up.weight, layer.gate_up.bias));
    x = ops_.linear(h, layer.down.weight, layer.down.bias, std::move(x));
    x = guard.watch(x);
    if (tap) {
      tap(fmt::format("text.{}", i), x);
    }
  }
  return ops_.rms_norm(x, norm_, config_.norm_eps);
}

mx::array SmolVlmText::logits(const mx::array& hidden) const {
  return mx::astype(ops_.linear(hidden, head_), mx::float32);
}

}  // namespace headroom::models
