#include "models/internvl_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "models/config_table.h"
#include "text_config.h"
#include "vision_config.h"

namespace headroom::models {
namespace {

constexpr int kMostTiles = 1024;

engine::VisionConfig internvl_vision() {
  engine::VisionConfig vision;
  vision.hidden_size = 1024;
  vision.intermediate_size = 4096;
  vision.layers = 24;
  vision.heads = 16;
  vision.image_size = 448;
  vision.patch_size = 14;
  vision.activation = engine::Activation::kGelu;
  vision.class_token = true;
  vision.batch_axis = true;
  vision.layer_scale = true;
  return vision;
}

/// A side that is given twice, as height and width, once; another value as it is.
void square(Json& table, const char* key) {
  const auto found = table.find(key);
  if (found != table.end() && found->is_array() && found->size() == 2 &&
      found->at(0) == found->at(1)) {
    const Json side = found->at(0);
    *found = side;
  }
}

bool read_rms_norm(ConfigTable& table, const char* otherwise) {
  const std::string norm = table.text_or("norm_type", otherwise);
  if (norm != "layer_norm" && norm != "rms_norm") {
    table.fail("norm_type", fmt::format("is \"{}\"; layer_norm and rms_norm are supported", norm));
  }
  return norm == "rms_norm";
}

engine::VisionConfig read_vision(Json table,
                                 const std::string& where,
                                 std::vector<std::string>& notices) {
  square(table, "image_size");
  square(table, "patch_size");
  ConfigTable inner(table, where + ": vision_config");
  inner.only("model_type", "internvl_vision");
  inner.only("use_absolute_position_embeddings", true);
  inner.only("use_mask_token", false);
  engine::VisionConfig vision = internvl_vision();
  vision.qkv_bias = inner.flag_or("attention_bias", false);
  vision.qk_norm = inner.flag_or("use_qk_norm", false);
  vision.post_norm = !inner.flag_or("use_mean_pooling", true);
  vision.rms_norm = read_rms_norm(inner, "layer_norm");
  inner.ignore({"hidden_dropout_prob", "projection_dropout", "layer_scale_init_value"});
  read_vision_config(std::move(inner), vision, notices);
  return vision;
}

/// Which layer's output the features are.
void read_feature_layer(ConfigTable& table, engine::VisionConfig& vision) {
  const int layer = table.whole_number_or("vision_feature_layer", -1);
  vision.used = layers_for(table, "vision_feature_layer", layer, vision.layers);
  vision.post_norm = vision.post_norm && layer == -1;
  const std::string strategy = table.text_or("vision_feature_select_strategy", "default");
  if (strategy != "default") {
    table.fail("vision_feature_select_strategy",
               fmt::format("is \"{}\"; only default is supported", strategy));
  }
}

engine::VisionConfig read_chat_vision(ConfigTable table, std::vector<std::string>& notices) {
  table.only("model_type", "intern_vit_6b");
  engine::VisionConfig vision = internvl_vision();
  vision.fused_qkv = true;
  vision.qkv_bias = table.flag_or("qkv_bias", false);
  vision.qk_norm = table.flag_or("qk_normalization", true);
  vision.rms_norm = read_rms_norm(table, "rms_norm");
  vision.post_norm = false;
  table.ignore({"architectures",
                "drop_path_rate",
                "use_flash_attn",
                "auto_map",
                "output_attentions",
                "output_hidden_states",
                "return_dict"});
  read_vision_config(std::move(table), vision, notices);
  return vision;
}

/// How pictures are cut, of a configuration that says so itself.
InternVlProcessorConfig read_chat_tiles(ConfigTable& table, const engine::VisionConfig& vision) {
  InternVlProcessorConfig tiles;
  tiles.side = static_cast<std::uint32_t>(vision.image_size);
  tiles.min_tiles = static_cast<std::uint32_t>(table.size_or("min_dynamic_patch", 1, kMostTiles));
  tiles.max_tiles = static_cast<std::uint32_t>(table.size_or("max_dynamic_patch", 6, kMostTiles));
  if (tiles.min_tiles > tiles.max_tiles) {
    table.fail(
        "max_dynamic_patch",
        fmt::format(
            "is {}; at least min_dynamic_patch, {}, is wanted", tiles.max_tiles, tiles.min_tiles));
  }
  table.only("force_image_size", vision.image_size);
  table.only("pad2square", false);
  for (const char* key : {"dynamic_image_size", "use_thumbnail"}) {
    if (!table.flag_or(key, false)) {
      table.fail(key, "is false or missing; only true is supported");
    }
  }
  return tiles;
}

int read_merged(ConfigTable& table, const engine::VisionConfig& vision) {
  const float ratio = table.number_or("downsample_ratio", 0.5F);
  // A ratio so small that its inverse is no int any more is none of these.
  const int merged = static_cast<int>(std::lround(std::min(1.0F / ratio, 1e6F)));
  if (merged < 1 || merged > kMostMerged ||
      std::abs(ratio * static_cast<float>(merged) - 1.0F) > 1e-6F || vision.grid() % merged != 0) {
    table.fail("downsample_ratio",
               fmt::format("is {}; one over a whole number up to {} that divides the {} patches "
                           "of a tile's side is wanted",
                           ratio,
                           kMostMerged,
                           vision.grid()));
  }
  return merged;
}

}  // namespace

InternVlConfig InternVlConfig::from_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  InternVlConfig result;
  const bool named = table.has("vision_config");
  if (named) {
    table.table("vision_config");  // refused where it is no table
  }
  result.vision =
      read_vision(named ? config.at("vision_config") : Json::object(), where, result.notices);
  read_feature_layer(table, result.vision);
  result.merged = read_merged(table, result.vision);
  result.text = read_text_config(
      table.table("text_config"), {"qwen2", "llama", "qwen3"}, true, result.notices);
  result.text.tied_head = table.flag_or("tie_word_embeddings", true);
  result.activation = read_activation(table, "projector_hidden_act", "gelu");
  result.image_token = table.token_or("image_token_id", result.image_token);
  table.check_token("image_token_id", result.image_token, result.text.vocabulary);
  table.ignore({"model_type",
                "architectures",
                "image_seq_length",
                "dtype",
                "torch_dtype",
                "bos_token_id",
                "eos_token_id",
                "pad_token_id",
                "transformers_version",
                "quantization",
                "quantization_config",
                "_name_or_path"});
  table.add_leftovers(result.notices);
  return result;
}

InternVlConfig InternVlConfig::from_chat_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  InternVlConfig result;
  result.vision = read_chat_vision(table.table("vision_config"), result.notices);
  result.vision.used = layers_for(
      table, "select_layer", table.whole_number_or("select_layer", -1), result.vision.layers);
  result.chat = read_chat_tiles(table, result.vision);
  result.merged = read_merged(table, result.vision);
  table.only("ps_version", "v2");
  ConfigTable text = table.table("llm_config");
  result.text.tied_head = text.flag_or("tie_word_embeddings", false);
  const bool tied = table.flag_or("tie_word_embeddings", result.text.tied_head);
  result.text =
      read_text_config(std::move(text), {"qwen2", "llama", "qwen3"}, true, result.notices);
  result.text.tied_head = tied;
  table.ignore({"model_type",
                "architectures",
                "auto_map",
                "template",
                "use_backbone_lora",
                "use_llm_lora",
                "image_fold",
                "system_message",
                "hidden_size",
                "dtype",
                "torch_dtype",
                "transformers_version",
                "output_attentions",
                "eos_token_id",
                "pad_token_id",
                "quantization",
                "quantization_config",
                "_name_or_path",
                "_commit_hash"});
  table.add_leftovers(result.notices);
  return result;
}

}  // namespace headroom::models
