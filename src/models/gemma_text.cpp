// Gemma's decoders: what differs from Llama, and from one generation to the next.
#include "gemma_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "text_config.h"
#include "vision_config.h"

namespace headroom::models {
namespace {

/// What a kind of decoder is where its table says nothing.
struct GemmaKind {
  std::string_view name;
  const char* activation;  // the key's name
  int hidden_size;
  int intermediate_size;
  int layers;
  int heads;
  int kv_heads;
  int vocabulary;
  int context;
  int pattern;  // each so-manyth layer sees everything, the others a window; 0: all see everything
  float attention_cap;
  bool second;  // of the second generation on: norms behind the halves, a scale of its own
  bool third;   // queries and keys normalised, a rotary base for the windows
};

constexpr std::array<GemmaKind, 3> kKinds = {{
    {"gemma", "hidden_act", 3072, 24576, 28, 16, 16, 256000, 8192, 0, 0.0F, false, false},
    {"gemma2", "hidden_activation", 2304, 9216, 26, 8, 4, 256000, 8192, 2, 50.0F, true, false},
    {"gemma3_text", "hidden_activation", 2304, 9216, 26, 8, 4, 262208, 131072, 6, 0.0F, true, true},
}};

constexpr int kHeadDim = 256;
constexpr int kWindow = 4096;

const GemmaKind& kind_of(ConfigTable& table, std::initializer_list<std::string_view> kinds) {
  const std::string name = table.text_or("model_type", std::string(*kinds.begin()));
  if (std::find(kinds.begin(), kinds.end(), name) == kinds.end()) {
    table.fail("model_type", fmt::format("is \"{}\"; supported: {}", name, fmt::join(kinds, ", ")));
  }
  return *std::find_if(
      kKinds.begin(), kKinds.end(), [&name](const GemmaKind& kind) { return kind.name == name; });
}

/// Which layers see a window only: as "layer_types" says, else by the pattern.
void read_windows(ConfigTable& table, const GemmaKind& kind, engine::DecoderConfig& text) {
  if (kind.pattern == 0) {
    table.refuse("sliding_window", "is not supported for gemma");
    return;
  }
  text.reach.window = kWindow;
  if (table.names("sliding_window")) {  // null: none
    text.reach.window = table.size_or("sliding_window", 0);
  }
  int pattern = kind.pattern;
  if (kind.third) {
    pattern = table.size_or("_sliding_window_pattern", pattern);
    pattern = table.size_or("sliding_window_pattern", pattern);
  }
  std::vector<std::string> types = table.texts("layer_types");
  if (types.empty()) {
    for (int i = 1; i <= text.layers; ++i) {
      types.emplace_back(i % pattern == 0 ? "full_attention" : "sliding_attention");
    }
  }
  if (static_cast<int>(types.size()) != text.layers) {
    table.fail("layer_types",
               fmt::format("names {} layers, num_hidden_layers is {}", types.size(), text.layers));
  }
  for (const std::string& type : types) {
    if (type != "full_attention" && type != "sliding_attention") {
      table.fail(
          "layer_types",
          fmt::format("holds \"{}\"; full_attention and sliding_attention are supported", type));
    }
    text.windowed.push_back(type == "sliding_attention" && text.reach.window > 0);
  }
}

/// The third generation has a rotary base, and perhaps a scale, for each kind of layer: in one
/// table of two, or, as it was written before, side by side.
void read_rope(ConfigTable& table, const GemmaKind& kind, engine::DecoderConfig& text) {
  if (!kind.third) {
    text.rope.theta = table.number_or("rope_theta", text.rope.theta);
    read_rope_table(table, "rope_parameters", text.rope);
    read_rope_table(table, "rope_scaling", text.rope);
    return;
  }
  engine::RopeConfig window = text.rope;
  text.rope.theta = table.number_or("rope_theta", 1e6F);
  window.theta = table.number_or("rope_local_base_freq", window.theta);
  if (table.has("rope_parameters")) {
    ConfigTable inner = table.table("rope_parameters");
    read_rope_table(inner, "full_attention", text.rope);
    read_rope_table(inner, "sliding_attention", window);
    inner.ignore({"full_attention", "sliding_attention"});
    for (const std::string& other : inner.leftovers()) {
      table.fail(
          "rope_parameters",
          fmt::format("holds other keys than full_attention and sliding_attention ({})", other));
    }
  }
  read_rope_table(table, "rope_scaling", text.rope);
  text.window_rope = window;
}

void read_scores(ConfigTable& table, const GemmaKind& kind, engine::DecoderConfig& text) {
  text.embedding_scale = std::sqrt(static_cast<float>(text.hidden_size));
  text.norms_less_one = true;
  text.norms_behind = kind.second;
  text.head_norms = kind.third;
  if (kind.second) {
    text.attention_scale = 1.0F / std::sqrt(table.number_or("query_pre_attn_scalar", kHeadDim));
  }
  if (kind.third) {
    // The reference reads both keys and leaves the scores as they are.
    table.refuse("attn_logit_softcapping", "is not supported for gemma3");
    table.refuse("final_logit_softcapping", "is not supported for gemma3");
  } else if (kind.second) {
    text.attention_cap = kind.attention_cap;
    if (table.names("attn_logit_softcapping")) {  // null: none
      text.attention_cap = table.number_or("attn_logit_softcapping", 0.0F);
    }
    // Of the logits: the reference's PaliGemma leaves them as they are.
    table.ignore({"final_logit_softcapping"});
  }
}

void read_rest(ConfigTable& table, const GemmaKind& kind, engine::DecoderConfig& text) {
  text.activation = read_activation(table, kind.activation, "gelu_pytorch_tanh");
  const bool bias = table.flag_or("attention_bias", false);
  text.qkv_bias = bias;
  text.out_bias = bias;
  text.tied_head = table.flag_or("tie_word_embeddings", true);
  if (kind.third) {
    table.only("use_bidirectional_attention", false);
  }
  table.refuse("quantization_config",
               "asks for quantised weights, which only \"quantization\" at the top may do");
  // use_bidirectional_attention: PaliGemma's prompts are seen whole whatever it says.
  table.ignore({"rope_parameters",
                "rope_scaling",
                "use_bidirectional_attention",
                "num_image_tokens",
                "hidden_act",
                "hidden_activation",
                "attention_dropout",
                "bos_token_id",
                "eos_token_id",
                "pad_token_id",
                "initializer_range",
                "use_cache",
                "cache_implementation",
                "is_encoder_decoder",
                "dtype",
                "torch_dtype",
                "architectures",
                "_name_or_path",
                "_attn_implementation_autoset",
                "transformers_version",
                "output_attentions",
                "output_hidden_states",
                "return_dict"});
}

}  // namespace

engine::DecoderConfig read_gemma_text(ConfigTable table,
                                      std::initializer_list<std::string_view> kinds,
                                      std::vector<std::string>& notices) {
  const GemmaKind& kind = kind_of(table, kinds);
  engine::DecoderConfig text;
  text.hidden_size = table.size_or("hidden_size", kind.hidden_size, kMostWidth);
  text.intermediate_size = table.size_or("intermediate_size", kind.intermediate_size, kMostWidth);
  text.layers = table.size_or("num_hidden_layers", kind.layers, kMostLayers);
  text.heads = table.size_or("num_attention_heads", kind.heads, kMostHeads);
  text.kv_heads = table.size_or("num_key_value_heads", kind.kv_heads, kMostHeads);
  text.head_dim = table.size_or("head_dim", kHeadDim, kMostHeadWidth);
  text.vocabulary = table.size_or("vocab_size", kind.vocabulary);
  text.context = table.size_or("max_position_embeddings", kind.context);
  text.norm_eps = table.number_or("rms_norm_eps", text.norm_eps);
  text.rope.dim = text.head_dim;
  read_rope(table, kind, text);
  read_windows(table, kind, text);
  read_scores(table, kind, text);
  read_rest(table, kind, text);
  check_sizes(table, text);
  table.add_leftovers(notices);
  return text;
}

}  // namespace headroom::models
