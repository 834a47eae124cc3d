#include "text_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>

namespace headroom::models {
namespace {

/// What a kind of decoder is where its table says nothing.
struct TextKind {
  std::string_view name;
  int hidden_size;
  int intermediate_size;
  int layers;
  int heads;
  int kv_heads;  // 0: as many as heads
  int vocabulary;
  int context;
  int window;  // tokens that attention reaches back; 0: all
  bool qkv_bias;
  bool head_norms;
};

/// Source: Transformers 5.24, models/<name>/configuration_<name>.py.
constexpr std::array<TextKind, 4> kKinds = {{
    {"llama", 4096, 11008, 32, 32, 0, 32000, 2048, 0, false, false},
    {"mistral", 4096, 14336, 32, 32, 8, 32000, 131072, 4096, false, false},
    {"qwen2", 4096, 22016, 32, 32, 32, 151936, 32768, 0, true, false},
    {"qwen3", 4096, 22016, 32, 32, 32, 151936, 32768, 0, false, true},
}};

const TextKind& kind_of(ConfigTable& table, std::initializer_list<std::string_view> kinds) {
  const std::string name = table.text_or("model_type", std::string(*kinds.begin()));
  if (std::find(kinds.begin(), kinds.end(), name) == kinds.end()) {
    table.fail("model_type", fmt::format("is \"{}\"; supported: {}", name, fmt::join(kinds, ", ")));
  }
  return *std::find_if(
      kKinds.begin(), kKinds.end(), [&name](const TextKind& kind) { return kind.name == name; });
}

/// Attention that reaches back so far only is as attention to all until a sequence is longer:
/// longer ones are not taken.
void read_window(ConfigTable& table,
                 const TextKind& kind,
                 engine::DecoderConfig& text,
                 std::vector<std::string>& notices) {
  if (kind.name == "llama") {
    table.refuse("sliding_window", "is not supported");
    return;
  }
  int window = kind.window;
  if (table.names("sliding_window")) {  // null: none
    window = table.size_or("sliding_window", 0);
  }
  if (kind.name != "mistral") {
    table.ignore({"max_window_layers"});
    if (!table.flag_or("use_sliding_window", false)) {
      window = 0;
    }
  }
  if (window > 0 && window < text.context) {
    notices.push_back(
        fmt::format("sliding_window is {}: prompts with their answers are taken up "
                    "to so many tokens, of max_position_embeddings {}",
                    window,
                    text.context));
    text.context = window;
  }
}

void read_layer_types(ConfigTable& table) {
  if (!table.has("layer_types")) {
    return;
  }
  for (const std::string& type : table.texts("layer_types")) {
    if (type != "full_attention") {
      table.fail("layer_types",
                 fmt::format("holds \"{}\"; only full_attention is supported", type));
    }
  }
}

void read_flags(ConfigTable& table, const TextKind& kind, engine::DecoderConfig& text) {
  const bool bias = table.flag_or("attention_bias", false);
  text.qkv_bias = kind.qkv_bias || bias;
  text.out_bias = bias;
  text.mlp_bias = table.flag_or("mlp_bias", false);
  text.head_norms = kind.head_norms;
  table.only("hidden_act", "silu");
  table.only("qk_layer_norms", false);
  table.only("use_resampler", false);
  table.only("rope_interleaved", false);
  table.refuse("quantization_config",
               "asks for quantised weights, which only \"quantization\" at the top may do");
  table.ignore({"rope_parameters",
                "rope_scaling",
                "attention_dropout",
                "bos_token_id",
                "eos_token_id",
                "pad_token_id",
                "initializer_range",
                "pretraining_tp",
                "use_cache",
                "tie_word_embeddings",
                "dtype",
                "torch_dtype",
                "architectures",
                "_name_or_path",
                "_attn_implementation_autoset",
                "_flash_attn_2_enabled",
                "is_llama_config",
                "neftune_noise_alpha",
                "perceiver_config",
                "pixel_shuffle_factor",
                "transformers_version",
                "transformers.js_config",
                "vision_config",
                "output_attentions",
                "output_hidden_states",
                "return_dict"});
}

}  // namespace

void read_rope_table(ConfigTable& table, const char* key, engine::RopeConfig& rope) {
  if (!table.has(key)) {
    return;
  }
  ConfigTable inner = table.table(key);
  rope.theta = inner.number_or("rope_theta", rope.theta);
  inner.only("partial_rotary_factor", 1.0);
  const std::string older = inner.text_or("type", "default");
  const std::string kind = inner.text_or("rope_type", older);
  if (kind == "linear") {
    rope.kind = engine::RopeKind::kLinear;
    rope.factor = inner.number_or("factor", 1.0F);
  } else if (kind == "llama3") {
    rope.kind = engine::RopeKind::kLlama3;
    rope.factor = inner.number_or("factor", 1.0F);
    rope.low_freq_factor = inner.number_or("low_freq_factor", rope.low_freq_factor);
    rope.high_freq_factor = inner.number_or("high_freq_factor", rope.high_freq_factor);
    rope.original_context =
        inner.size_or("original_max_position_embeddings", rope.original_context);
  } else if (kind != "default") {
    inner.fail("rope_type",
               fmt::format("is \"{}\"; default, linear and llama3 are supported", kind));
  }
  for (const std::string& other : inner.leftovers()) {
    table.fail(key, fmt::format("holds keys of another scheme ({})", other));
  }
}

void check_sizes(const ConfigTable& table, const engine::DecoderConfig& text) {
  if (text.heads % text.kv_heads != 0) {
    table.fail(
        "num_attention_heads",
        fmt::format("is {}, not a multiple of num_key_value_heads {}", text.heads, text.kv_heads));
  }
  if (text.head_dim < 1 || text.head_dim % 2 != 0 || text.head_dim > kMostHeadWidth) {
    table.fail(
        "head_dim",
        fmt::format("is {}; an even number from 2 to {} is wanted", text.head_dim, kMostHeadWidth));
  }
}

engine::DecoderConfig read_text_config(ConfigTable table,
                                       std::initializer_list<std::string_view> kinds,
                                       bool defaults,
                                       std::vector<std::string>& notices) {
  const TextKind& kind = kind_of(table, kinds);
  const auto size = [&](const char* key, int otherwise, int most) {
    return defaults ? table.size_or(key, otherwise, most) : table.size(key, most);
  };
  engine::DecoderConfig text;
  text.hidden_size = size("hidden_size", kind.hidden_size, kMostWidth);
  text.intermediate_size = size("intermediate_size", kind.intermediate_size, kMostWidth);
  text.layers = size("num_hidden_layers", kind.layers, kMostLayers);
  text.heads = size("num_attention_heads", kind.heads, kMostHeads);
  text.vocabulary = size("vocab_size", kind.vocabulary, kMostSize);
  text.kv_heads = table.size_or("num_key_value_heads",
                                defaults && kind.kv_heads > 0 ? kind.kv_heads : text.heads,
                                kMostHeads);
  text.context = table.size_or("max_position_embeddings", kind.context);
  text.norm_eps = table.number_or("rms_norm_eps", text.norm_eps);
  text.rope.theta = table.number_or("rope_theta", text.rope.theta);
  read_rope_table(table, "rope_parameters", text.rope);
  read_rope_table(table, "rope_scaling", text.rope);
  read_flags(table, kind, text);
  read_layer_types(table);
  read_window(table, kind, text, notices);
  text.head_dim = table.size_or("head_dim", text.hidden_size / text.heads, kMostHeadWidth);
  text.rope.dim = text.head_dim;
  check_sizes(table, text);
  table.add_leftovers(notices);
  return text;
}

}  // namespace headroom::models
