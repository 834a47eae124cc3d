#include "models/phi3_v_config.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "models/config_table.h"
#include "text_config.h"
#include "vision_config.h"

namespace headroom::models {
namespace {

/// The tower is a constant of the reference's code. "vision_config", as MLX's converter calls it,
/// says where it is another.
engine::VisionConfig read_tower(ConfigTable& table, std::vector<std::string>& notices) {
  engine::VisionConfig vision = clip_vision();
  vision.hidden_size = 1024;
  vision.intermediate_size = 4096;
  vision.layers = 24;
  vision.heads = 16;
  vision.image_size = 336;
  vision.patch_size = 14;
  if (table.has("vision_config")) {
    ConfigTable inner = table.table("vision_config");
    inner.ignore({"image_dim_out", "num_img_tokens", "model_name", "name"});
    read_vision_config(std::move(inner), vision, notices);
  }
  vision.post_norm = false;
  if (vision.grid() % 2 != 0) {
    table.fail("vision_config",
               fmt::format("has {} patches a side; an even number is wanted", vision.grid()));
  }
  return vision;
}

/// "img_processor": what of the tower's results is used.
void read_features(ConfigTable& table, engine::VisionConfig& vision) {
  int layer = -2;
  if (table.has("img_processor")) {
    ConfigTable inner = table.table("img_processor");
    inner.only("name", "clip_vision_model");
    inner.only("model_name", "openai/clip-vit-large-patch14-336");
    inner.only("type_feature", "patch");
    layer = inner.whole_number_or("layer_idx", layer);
    inner.only("image_dim_out", vision.hidden_size);
    inner.only("num_img_tokens", vision.grid() * vision.grid() / 4);
    vision.used = layers_for(inner, "layer_idx", layer, vision.layers);
    return;
  }
  vision.used = layers_for(table, "img_processor", layer, vision.layers);
}

/// "embd_layer": how features are put together.
bool read_order(ConfigTable& table) {
  ConfigTable inner = table.table("embd_layer");
  inner.only("embedding_cls", "image");
  inner.only("projection_cls", "mlp");
  const auto required = [&inner](const char* key) {
    if (!inner.flag_or(key, false)) {
      inner.fail(key, "is false or missing; only true is supported");
    }
  };
  required("use_hd_transform");
  required("with_learnable_separator");
  const std::string order = inner.text_or("hd_transform_order", "glb_sub");
  if (order != "sub_glb" && order != "glb_sub") {
    inner.fail("hd_transform_order",
               fmt::format("is \"{}\"; sub_glb and glb_sub are supported", order));
  }
  return order == "glb_sub";
}

std::vector<float> read_factors(ConfigTable& table, const Json& json, const char* key, int count) {
  table.ignore({key});
  const auto found = json.find(key);
  std::vector<float> factors;
  if (found != json.end() && found->is_array()) {
    for (const Json& factor : *found) {
      if (factor.is_number() && factor > 0) {
        factors.push_back(factor.get<float>());
      }
    }
  }
  if (found == json.end() || !found->is_array() || found->size() != factors.size() ||
      static_cast<int>(factors.size()) != count) {
    table.fail(
        key,
        fmt::format("{}; {} numbers above 0 are wanted",
                    found == json.end() ? "is missing" : fmt::format("holds {}", found->size()),
                    count));
  }
  return factors;
}

void read_rope(ConfigTable& table, const Json& config, engine::DecoderConfig& text) {
  text.rope.dim = text.head_dim;
  text.rope.theta = table.number_or("rope_theta", text.rope.theta);
  text.rope.original_context = table.size_or("original_max_position_embeddings", 4096);
  if (!table.has("rope_scaling")) {
    return;
  }
  ConfigTable inner = table.table("rope_scaling");
  const Json& json = config.at("rope_scaling");
  const std::string older = inner.text_or("type", "");
  const std::string kind = inner.text_or("rope_type", older);
  if (kind != "su" && kind != "longrope") {
    inner.fail("type", fmt::format("is \"{}\"; su and longrope are supported", kind));
  }
  text.rope.kind = engine::RopeKind::kLongRope;
  text.rope.short_factors = read_factors(inner, json, "short_factor", text.rope.dim / 2);
  text.rope.long_factors = read_factors(inner, json, "long_factor", text.rope.dim / 2);
  const double scale = static_cast<double>(text.context) / text.rope.original_context;
  if (scale > 1) {
    text.rope.amplitude =
        static_cast<float>(std::sqrt(1 + std::log(scale) / std::log(text.rope.original_context)));
  }
  for (const std::string& other : inner.leftovers()) {
    table.fail("rope_scaling", fmt::format("holds keys of another scheme ({})", other));
  }
}

void read_text(ConfigTable& table,
               const Json& config,
               engine::DecoderConfig& text,
               std::vector<std::string>& notices) {
  text.hidden_size = table.size_or("hidden_size", 3072, kMostWidth);
  text.intermediate_size = table.size_or("intermediate_size", 8192, kMostWidth);
  text.layers = table.size_or("num_hidden_layers", 32, kMostLayers);
  text.heads = table.size_or("num_attention_heads", 32, kMostHeads);
  text.kv_heads = table.size_or("num_key_value_heads", text.heads, kMostHeads);
  text.vocabulary = table.size_or("vocab_size", 32064);
  text.context = table.size_or("max_position_embeddings", 4096);
  text.norm_eps = table.number_or("rms_norm_eps", 1e-5F);
  text.tied_head = table.flag_or("tie_word_embeddings", false);
  table.only("hidden_act", "silu");
  if (text.hidden_size % text.heads != 0 || text.hidden_size / text.heads % 2 != 0 ||
      text.heads % text.kv_heads != 0) {
    table.fail("num_attention_heads",
               fmt::format("is {}, with hidden_size {} and num_key_value_heads {}: the one must be "
                           "an even multiple of it, and it a multiple of the other",
                           text.heads,
                           text.hidden_size,
                           text.kv_heads));
  }
  text.head_dim = text.hidden_size / text.heads;
  check_sizes(table, text);
  read_rope(table, config, text);
  // As attention to all until a sequence is longer: longer ones are not taken.
  const int window = table.size_or("sliding_window", text.context);
  if (window < text.context) {
    notices.push_back(
        fmt::format("sliding_window is {}: prompts with their answers are taken up to "
                    "so many tokens, of max_position_embeddings {}",
                    window,
                    text.context));
    text.context = window;
  }
}

}  // namespace

Phi3VConfig Phi3VConfig::from_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  Phi3VConfig result;
  result.vision = read_tower(table, result.notices);
  read_features(table, result.vision);
  result.overview_first = read_order(table);
  read_text(table, config, result.text, result.notices);
  table.ignore({"model_type",
                "architectures",
                "auto_map",
                "attention_dropout",
                "bos_token_id",
                "eos_token_id",
                "pad_token_id",
                "embd_pdrop",
                "resid_pdrop",
                "initializer_range",
                "dtype",
                "torch_dtype",
                "transformers_version",
                "use_cache",
                "quantization",
                "quantization_config",
                "_name_or_path",
                "_attn_implementation"});
  table.add_leftovers(result.notices);
  return result;
}

}  // namespace headroom::models
