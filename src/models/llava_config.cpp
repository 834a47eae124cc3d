#include "models/llava_config.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "models/config_table.h"
#include "text_config.h"
#include "vision_config.h"

namespace headroom::models {
namespace {

engine::VisionConfig clip_large_336() {
  engine::VisionConfig vision = clip_vision();
  vision.hidden_size = 1024;
  vision.intermediate_size = 4096;
  vision.layers = 24;
  vision.heads = 16;
  vision.image_size = 336;
  vision.patch_size = 14;
  return vision;
}

/// Absent as a whole it is CLIP-ViT-L/14-336; a table leaves out what CLIP's own defaults say.
engine::VisionConfig read_vision(ConfigTable& table, std::vector<std::string>& notices) {
  if (!table.has("vision_config")) {
    return clip_large_336();
  }
  ConfigTable inner = table.table("vision_config");
  const std::string kind = inner.text_or("model_type", "clip_vision_model");
  if (kind != "clip_vision_model" && kind != "siglip_vision_model") {
    inner.fail(
        "model_type",
        fmt::format("is \"{}\"; clip_vision_model and siglip_vision_model are supported", kind));
  }
  engine::VisionConfig vision = kind == "siglip_vision_model" ? siglip_vision() : clip_vision();
  read_vision_config(std::move(inner), vision, notices);
  return vision;
}

/// Which layer's output the features are, and whether the class token is one of them.
void read_feature_layer(ConfigTable& table, engine::VisionConfig& vision) {
  const int layer = table.whole_number_or("vision_feature_layer", -2);
  vision.used = layers_for(table, "vision_feature_layer", layer, vision.layers);
  vision.post_norm = false;
  const std::string strategy = table.text_or("vision_feature_select_strategy", "default");
  if (strategy != "default" && strategy != "full") {
    table.fail("vision_feature_select_strategy",
               fmt::format("is \"{}\"; default and full are supported", strategy));
  }
  vision.drop_class = strategy == "default";
  if (vision.drop_class && !vision.class_token) {
    table.fail("vision_feature_select_strategy",
               "is \"default\", which drops the class token, and the vision tower has none");
  }
}

void ignore_rest(ConfigTable& table) {
  table.ignore({"model_type",
                "architectures",
                "quantization",
                "quantization_config",
                "generation_config",
                "dtype",
                "torch_dtype",
                "pad_token_id",
                "bos_token_id",
                "eos_token_id",
                "use_cache",
                "ignore_index",
                "image_seq_length",
                "vocab_size",
                "hidden_size",
                "transformers_version",
                "use_image_newline_parameter",
                "_name_or_path"});
}

}  // namespace

std::vector<Resolution> read_resolutions(const Json& list,
                                         const std::string& where,
                                         const char* code) {
  std::vector<Resolution> all;
  const auto fail = [&] {
    throw UsageError(
        code,
        fmt::format(
            "{} is {}; a list of [height, width] is wanted", where, dump_json(list).substr(0, 80)));
  };
  if (!list.is_array() || list.empty()) {
    fail();
  }
  constexpr int kLargest = 65535;
  for (const Json& pair : list) {
    const bool whole = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() &&
                       pair[1].is_number_integer() && pair[0] > 0 && pair[1] > 0 &&
                       pair[0] <= kLargest && pair[1] <= kLargest;
    if (!whole) {
      fail();
    }
    all.push_back({pair[0].get<std::uint32_t>(), pair[1].get<std::uint32_t>()});
  }
  return all;
}

LlavaConfig LlavaConfig::from_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  LlavaConfig result;
  ConfigTable text = table.table("text_config");
  result.text_type = text.text_or("model_type", "llama");
  // LLaVA's own files say it of the decoder alone; LLaVA-NeXT's reference does not look there.
  const bool inner_tied = text.flag_or("tie_word_embeddings", false);
  const bool next = table.text_or("model_type", "") == "llava_next";
  result.text =
      read_text_config(std::move(text), {"llama", "mistral", "qwen2"}, true, result.notices);
  result.vision = read_vision(table, result.notices);
  read_feature_layer(table, result.vision);
  result.activation = read_activation(table, "projector_hidden_act", "gelu");
  result.projector_bias = table.flag_or("multimodal_projector_bias", true);
  const int token = table.token_or("image_token_index", result.image_token);
  result.image_token = table.token_or("image_token_id", token);
  result.text.tied_head = table.flag_or("tie_word_embeddings", false) || (inner_tied && !next);
  table.check_token("image_token_index", result.image_token, result.text.vocabulary);
  if (next) {
    result.resolutions = {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};
    if (table.has("image_grid_pinpoints")) {
      result.resolutions = read_resolutions(
          config.at("image_grid_pinpoints"), where + ": image_grid_pinpoints", "E-CONFIG");
    }
    table.ignore({"image_grid_pinpoints"});
  }
  ignore_rest(table);
  table.add_leftovers(result.notices);
  return result;
}

}  // namespace headroom::models
