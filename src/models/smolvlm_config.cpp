#include "models/smolvlm_config.h"

#include <fmt/format.h>

#include "models/config_table.h"

namespace headroom::models {
namespace {

void append(std::vector<std::string>& all, const std::vector<std::string>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

SmolVlmVisionConfig read_vision(ConfigTable table, std::vector<std::string>& notices) {
  SmolVlmVisionConfig vision;
  vision.hidden_size = table.size_or("hidden_size", vision.hidden_size);
  vision.intermediate_size = table.size_or("intermediate_size", vision.intermediate_size);
  vision.layers = table.size_or("num_hidden_layers", vision.layers);
  vision.heads = table.size_or("num_attention_heads", vision.heads);
  vision.image_size = table.size_or("image_size", vision.image_size);
  vision.patch_size = table.size_or("patch_size", vision.patch_size);
  vision.norm_eps = table.number_or("layer_norm_eps", vision.norm_eps);
  table.only("num_channels", vision.channels);
  table.only("hidden_act", "gelu_pytorch_tanh");
  if (vision.hidden_size % vision.heads != 0) {
    table.fail(
        "hidden_size",
        fmt::format(
            "is {}, not a multiple of num_attention_heads {}", vision.hidden_size, vision.heads));
  }
  if (vision.image_size % vision.patch_size != 0) {
    table.fail("image_size",
               fmt::format(
                   "is {}, not a multiple of patch_size {}", vision.image_size, vision.patch_size));
  }
  table.ignore({"model_type",
                "attention_dropout",
                "initializer_range",
                "dtype",
                "torch_dtype",
                "max_image_size",
                "size",
                "tie_word_embeddings",
                "use_base_siglip",
                "output_attentions",
                "output_hidden_states",
                "return_dict",
                "transformers_version"});
  append(notices, table.leftovers());
  return vision;
}

float read_rope_theta(ConfigTable& table, float otherwise) {
  float theta = table.number_or("rope_theta", otherwise);
  if (table.has("rope_parameters")) {
    ConfigTable rope = table.table("rope_parameters");
    theta = rope.number_or("rope_theta", theta);
    rope.only("rope_type", "default");
    rope.only("partial_rotary_factor", 1.0);
    for (const std::string& key : rope.leftovers()) {
      table.fail("rope_parameters", fmt::format("holds keys of another scheme ({})", key));
    }
  }
  if (table.has("rope_scaling")) {
    ConfigTable scaling = table.table("rope_scaling");
    scaling.only("rope_type", "default");
    scaling.only("type", "default");
    for (const std::string& key : scaling.leftovers()) {
      table.fail("rope_scaling", fmt::format("holds keys of another scheme ({})", key));
    }
  }
  return theta;
}

void read_text_flags(ConfigTable& table, SmolVlmTextConfig& text) {
  text.attention_bias = table.flag_or("attention_bias", false);
  text.mlp_bias = table.flag_or("mlp_bias", false);
  table.only("model_type", "llama");
  table.only("hidden_act", "silu");
  table.only("qk_layer_norms", false);
  table.only("use_resampler", false);
  table.only("rope_interleaved", false);
  table.refuse("quantization_config", "asks for quantised weights, which are not supported here");
  table.refuse("sliding_window", "is not supported");
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

SmolVlmTextConfig read_text(ConfigTable table, std::vector<std::string>& notices) {
  SmolVlmTextConfig text;
  text.hidden_size = table.size("hidden_size");
  text.intermediate_size = table.size("intermediate_size");
  text.layers = table.size("num_hidden_layers");
  text.heads = table.size("num_attention_heads");
  text.vocabulary = table.size("vocab_size");
  text.kv_heads = table.size_or("num_key_value_heads", text.heads);
  text.context = table.size_or("max_position_embeddings", text.context);
  text.norm_eps = table.number_or("rms_norm_eps", text.norm_eps);
  text.rope_theta = read_rope_theta(table, text.rope_theta);
  read_text_flags(table, text);
  if (text.heads % text.kv_heads != 0) {
    table.fail(
        "num_attention_heads",
        fmt::format("is {}, not a multiple of num_key_value_heads {}", text.heads, text.kv_heads));
  }
  text.head_dim = table.size_or("head_dim", text.hidden_size / text.heads);
  if (text.head_dim % 2 != 0) {
    table.fail("head_dim", fmt::format("is {}; an even number is wanted", text.head_dim));
  }
  append(notices, table.leftovers());
  return text;
}

}  // namespace

SmolVlmConfig SmolVlmConfig::from_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  SmolVlmConfig result;
  result.model_type = table.text_or("model_type", "");
  for (const char* key : {"quantization", "quantization_config"}) {
    table.refuse(key, "asks for quantised weights, which are not supported for this family");
  }
  result.text = read_text(table.table("text_config"), result.notices);
  result.vision = read_vision(table.table("vision_config"), result.notices);
  result.scale_factor = table.size_or("scale_factor", result.scale_factor);
  result.image_token = table.token_or("image_token_id", result.image_token);
  result.tied_head = table.flag_or("tie_word_embeddings", false);
  if (result.vision.grid() % result.scale_factor != 0) {
    table.fail("scale_factor",
               fmt::format("is {}, which does not divide the vision tower's {} patches a side",
                           result.scale_factor,
                           result.vision.grid()));
  }
  if (result.image_token >= result.text.vocabulary) {
    table.fail(
        "image_token_id",
        fmt::format(
            "is {}, outside of the vocabulary of {}", result.image_token, result.text.vocabulary));
  }
  table.ignore({"architectures",
                "dtype",
                "torch_dtype",
                "pad_token_id",
                "bos_token_id",
                "eos_token_id",
                "use_cache",
                "transformers_version",
                "image_seq_len",
                "transformers.js_config",
                "_name_or_path"});
  append(result.notices, table.leftovers());
  return result;
}

}  // namespace headroom::models
