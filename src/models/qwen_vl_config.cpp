#include "models/qwen_vl_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/errors.h"
#include "models/config_table.h"
#include "text_config.h"
#include "vision_config.h"

namespace headroom::models {
namespace {

using Generation = QwenVlConfig::Generation;

Generation generation_of(ConfigTable& table) {
  const std::string type = table.text_or("model_type", "");
  return type == "qwen3_vl"     ? Generation::k3
         : type == "qwen2_5_vl" ? Generation::k25
                                : Generation::k2;
}

/// What the decoder's table means where it says nothing.
Json text_defaults(Generation generation) {
  if (generation == Generation::k3) {
    return {{"vocab_size", 151936},
            {"hidden_size", 4096},
            {"intermediate_size", 22016},
            {"num_hidden_layers", 32},
            {"num_attention_heads", 32},
            {"num_key_value_heads", 32},
            {"head_dim", 128},
            {"max_position_embeddings", 128000},
            {"rms_norm_eps", 1e-6},
            {"rope_theta", 500000.0}};
  }
  return {{"vocab_size", 152064},
          {"hidden_size", 8192},
          {"intermediate_size", 29568},
          {"num_hidden_layers", 80},
          {"num_attention_heads", 64},
          {"num_key_value_heads", 8},
          {"max_position_embeddings", 32768},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 1000000.0}};
}

/// Keys of the decoder that the first published files have at the top, beside those with defaults.
constexpr std::array<const char*, 11> kFlatKeys = {"rope_scaling",
                                                   "rope_parameters",
                                                   "hidden_act",
                                                   "attention_dropout",
                                                   "initializer_range",
                                                   "use_cache",
                                                   "use_sliding_window",
                                                   "sliding_window",
                                                   "max_window_layers",
                                                   "layer_types",
                                                   "head_dim"};

/// The decoder's table: "text_config", or what the first published files have at the top.
Json text_table(const Json& config, const Json& defaults) {
  const auto inner = config.find("text_config");
  if (inner != config.end() && !inner->is_null()) {
    return *inner;
  }
  Json table = Json::object();
  const auto copy = [&](const std::string& key) {
    if (config.contains(key)) {
      table[key] = config.at(key);
    }
  };
  for (const auto& [key, value] : defaults.items()) {
    copy(key);
  }
  std::for_each(kFlatKeys.begin(), kFlatKeys.end(), copy);
  return table;
}

/// Three whole numbers that together are half of a head.
std::array<int, 3> read_sections(const Json& value, int head_dim, const std::string& where) {
  std::array<int, 3> sections{};
  const bool whole = value.is_array() && value.size() == sections.size() &&
                     std::all_of(value.begin(), value.end(), [head_dim](const Json& number) {
                       return number.is_number_integer() && number >= 0 && number <= head_dim;
                     });
  if (whole) {
    sections = value.get<std::array<int, 3>>();
  }
  if (!whole || sections[0] + sections[1] + sections[2] != head_dim / 2) {
    throw UsageError("E-CONFIG",
                     fmt::format("{}: mrope_section is {}; three numbers whose sum is half of the "
                                 "head's {} are wanted",
                                 where,
                                 dump_json(value).substr(0, 80),
                                 head_dim));
  }
  return sections;
}

/// Takes what is M-RoPE's out of the decoder's rotary tables, so that the rest reads as any
/// decoder's. -> "mrope_section", or null.
Json take_sections(Json& text, bool interleaved, const std::string& where) {
  Json sections;
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const auto found = text.find(key);
    if (found == text.end() || !found->is_object()) {
      continue;
    }
    Json& rope = *found;
    if (rope.contains("mrope_section")) {
      sections = rope["mrope_section"];
    }
    const auto turns = rope.find("mrope_interleaved");
    if (turns != rope.end() && !turns->is_null() && *turns != interleaved) {
      throw UsageError("E-CONFIG",
                       fmt::format("{}: {}: mrope_interleaved is {}; only {} is supported",
                                   where,
                                   key,
                                   dump_json(*turns),
                                   interleaved));
    }
    rope.erase("mrope_section");
    rope.erase("mrope_interleaved");
    for (const char* kind : {"type", "rope_type"}) {
      if (rope.contains(kind) && rope[kind] == "mrope") {
        rope[kind] = "default";
      }
    }
  }
  return sections;
}

engine::DecoderConfig read_text(const Json& config,
                                Generation generation,
                                const std::string& where,
                                std::vector<std::string>& notices) {
  const bool third = generation == Generation::k3;
  const Json defaults = text_defaults(generation);
  Json text = text_table(config, defaults);
  const std::string place = config.contains("text_config") ? where + ": text_config" : where;
  const std::string type = ConfigTable(text, place).text_or("model_type", "");
  const std::string own = ConfigTable(config, where).text_or("model_type", "");
  if (!type.empty() && type != own && type != own + "_text") {
    throw UsageError(
        "E-CONFIG",
        fmt::format(
            "{}: text_config: model_type is \"{}\"; only {}_text is supported", where, type, own));
  }
  text["model_type"] = third ? "qwen3" : "qwen2";
  for (const char* key : {"image_token_id",
                          "video_token_id",
                          "vision_start_token_id",
                          "vision_end_token_id",
                          "vision_token_id"}) {
    text.erase(key);  // repeated there by some files; what is at the top counts
  }
  for (const auto& [key, value] : defaults.items()) {
    if (!text.contains(key) || text[key].is_null()) {
      text[key] = value;
    }
  }
  const Json sections = take_sections(text, third, place);
  engine::DecoderConfig decoder =
      read_text_config(ConfigTable(text, place), {third ? "qwen3" : "qwen2"}, false, notices);
  decoder.rope.interleaved = third;
  const Json usual = third ? Json{24, 20, 20} : Json{16, 24, 24};
  decoder.rope.sections =
      read_sections(sections.is_null() ? usual : sections, decoder.head_dim, place);
  return decoder;
}

constexpr int kLargestPatch = 1024;
constexpr int kLargestFactor = 64;

/// A list of layers, each below `layers`.
std::vector<int> read_layers(
    ConfigTable& table, const Json& json, const char* key, std::vector<int> otherwise, int layers) {
  table.ignore({key});
  if (table.has(key)) {
    const Json& list = json.at(key);
    const bool whole = list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& i) {
                         return i.is_number_integer() && i >= 0 && i < 0x7FFFFFFF;
                       });
    if (!whole) {
      table.fail(key,
                 fmt::format("is {}; a list of layers is wanted", dump_json(list).substr(0, 80)));
    }
    otherwise = list.get<std::vector<int>>();
  }
  for (const int layer : otherwise) {
    if (layer >= layers) {
      table.fail(key, fmt::format("names layer {}, and the vision tower has {}", layer, layers));
    }
  }
  return otherwise;
}

void read_2(ConfigTable& table, QwenVisionConfig& vision) {
  vision.layers = table.size_or("depth", 32, kMostLayers);
  vision.hidden_size = table.size_or("embed_dim", 1280, kMostWidth);
  vision.out_size = table.size_or("hidden_size", 3584, kMostWidth);
  vision.intermediate_size = vision.hidden_size * table.size_or("mlp_ratio", 4, kLargestFactor);
  vision.activation = read_activation(table, "hidden_act", "quick_gelu");
}

void read_25(ConfigTable& table, const Json& json, QwenVisionConfig& vision) {
  vision.layers = table.size_or("depth", 32, kMostLayers);
  vision.hidden_size = table.size_or("hidden_size", 3584, kMostWidth);
  vision.out_size = table.size_or("out_hidden_size", 3584, kMostWidth);
  vision.intermediate_size = table.size_or("intermediate_size", 3420, kMostWidth);
  vision.activation = read_activation(table, "hidden_act", "silu");
  vision.rms_norms = true;
  vision.gated = true;
  const int pixels = table.size_or("window_size", 112);
  vision.window = pixels / (vision.merge * vision.patch_size);
  if (vision.window == 0) {
    table.fail("window_size",
               fmt::format("is {}, less than the {} pixels of a feature",
                           pixels,
                           vision.merge * vision.patch_size));
  }
  vision.full_layers = read_layers(
      table, json, "fullatt_block_indexes", {7, 15, 23, 31}, std::numeric_limits<int>::max());
  table.ignore({"tokens_per_second"});  // of films
}

void read_3(ConfigTable& table, const Json& json, QwenVisionConfig& vision) {
  vision.layers = table.size_or("depth", 27, kMostLayers);
  vision.hidden_size = table.size_or("hidden_size", 1152, kMostWidth);
  vision.out_size = table.size_or("out_hidden_size", 3584, kMostWidth);
  vision.intermediate_size = table.size_or("intermediate_size", 4304, kMostWidth);
  vision.activation = read_activation(table, "hidden_act", "gelu_pytorch_tanh");
  vision.patch_bias = true;
  const int positions = table.size_or("num_position_embeddings", 2304);
  vision.position_side = static_cast<int>(std::sqrt(static_cast<double>(positions)));
  if (vision.position_side * vision.position_side != positions) {
    table.fail("num_position_embeddings",
               fmt::format("is {}; the square of a whole number is wanted", positions));
  }
  vision.deepstack =
      read_layers(table, json, "deepstack_visual_indexes", {8, 16, 24}, vision.layers);
}

QwenVisionConfig read_vision(const Json& json,
                             Generation generation,
                             const std::string& where,
                             std::vector<std::string>& notices) {
  ConfigTable table(json, where);
  QwenVisionConfig vision;
  vision.heads = table.size_or("num_heads", 16, kMostHeads);
  vision.patch_size =
      table.size_or("patch_size", generation == Generation::k3 ? 16 : 14, kLargestPatch);
  vision.merge = table.size_or("spatial_merge_size", 2, kLargestFactor);
  vision.frames = table.size_or("temporal_patch_size", 2, kLargestFactor);
  table.only("in_channels", vision.channels);
  table.only("in_chans", vision.channels);
  if (table.has("rope_parameters")) {
    ConfigTable rope = table.table("rope_parameters");
    rope.only("rope_type", "axial");
    vision.rope_theta = rope.number_or("rope_theta", vision.rope_theta);
    rope.add_leftovers(notices);
  }
  switch (generation) {
    case Generation::k2:
      read_2(table, vision);
      break;
    case Generation::k25:
      read_25(table, json, vision);
      break;
    case Generation::k3:
      read_3(table, json, vision);
      break;
  }
  if (vision.hidden_size % vision.heads != 0 || vision.head_dim() % 4 != 0) {
    table.fail("num_heads",
               fmt::format("is {}; heads of the width {} must be multiples of 4 numbers",
                           vision.heads,
                           vision.hidden_size));
  }
  table.ignore({"model_type",
                "spatial_patch_size",
                "initializer_range",
                "dtype",
                "torch_dtype",
                "_attn_implementation_autoset",
                "transformers_version"});
  table.add_leftovers(notices);
  return vision;
}

void ignore_rest(ConfigTable& table, bool flat) {
  table.ignore({"text_config",
                "vision_config",
                "architectures",
                "quantization",
                "quantization_config",
                "dtype",
                "torch_dtype",
                "pad_token_id",
                "bos_token_id",
                "eos_token_id",
                "video_token_id",
                "vision_start_token_id",
                "vision_end_token_id",
                "vision_token_id",
                "transformers_version",
                "_name_or_path"});
  if (flat) {
    const Json defaults = text_defaults(Generation::k2);
    for (const auto& [key, value] : defaults.items()) {
      table.ignore({key.c_str()});
    }
    for (const char* key : kFlatKeys) {
      table.ignore({key});
    }
  }
}

}  // namespace

QwenVlConfig QwenVlConfig::from_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  const Generation generation = generation_of(table);
  QwenVlConfig result;
  result.generation = generation;
  const bool flat = !table.has("text_config");
  if (!flat) {
    table.table("text_config");  // refused where it is no table
  }
  result.text = read_text(config, generation, where, result.notices);
  static const Json kNothing = Json::object();
  const Json& vision = table.has("vision_config") ? config.at("vision_config") : kNothing;
  if (!vision.is_object()) {
    table.fail("vision_config", "is not a table");
  }
  result.vision = read_vision(vision, generation, where + ": vision_config", result.notices);
  // Files of older versions say it of the decoder alone.
  const Json inner = flat ? Json::object() : config.at("text_config");
  result.text.tied_head =
      table.flag_or("tie_word_embeddings", false) ||
      (inner.contains("tie_word_embeddings") && inner.at("tie_word_embeddings") == true);
  result.image_token = table.token_or("image_token_id", result.image_token);
  table.check_token("image_token_id", result.image_token, result.text.vocabulary);
  if (result.vision.out_size != result.text.hidden_size) {
    table.fail("vision_config",
               fmt::format("makes features of {} numbers, and the decoder is {} wide",
                           result.vision.out_size,
                           result.text.hidden_size));
  }
  ignore_rest(table, flat);
  table.add_leftovers(result.notices);
  return result;
}

}  // namespace headroom::models
