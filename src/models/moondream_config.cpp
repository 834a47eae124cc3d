#include "models/moondream_config.h"

#include <fmt/format.h>

#include "models/config_table.h"
#include "text_config.h"
#include "vision_config.h"

namespace headroom::models {
namespace {

constexpr int kMostCrops = 1024;

void divide(ConfigTable& table, const char* key, int whole, int part) {
  if (whole % part != 0) {
    table.fail(key, fmt::format("is {}, which {} does not divide", whole, part));
  }
}

engine::VisionConfig read_vision(ConfigTable table, MoondreamConfig& config) {
  engine::VisionConfig vision;
  vision.hidden_size = table.size_or("enc_dim", 1152, kMostWidth);
  vision.intermediate_size = table.size_or("enc_ff_dim", 4304, kMostWidth);
  vision.layers = vision.used = table.size_or("enc_n_layers", 27, kMostLayers);
  vision.heads = table.size_or("enc_n_heads", 16, kMostHeads);
  vision.patch_size = table.size_or("enc_patch_size", 14, kMostSide);
  vision.image_size = table.size_or("crop_size", 378, kMostSide);
  vision.norm_eps = 1e-5F;
  vision.patch_matrix = true;
  vision.batch_axis = true;
  vision.fused_qkv = true;
  table.only("in_channels", 3);
  config.projector_inner = table.size_or("proj_inner_dim", config.projector_inner, kMostWidth);
  config.margin = table.whole_number_or("overlap_margin", config.margin);
  config.crops.max_crops = static_cast<std::uint32_t>(table.size_or("max_crops", 12, kMostCrops));
  table.only("proj_out_dim", config.text.hidden_size);
  divide(table, "enc_dim", vision.hidden_size, vision.heads);
  divide(table, "crop_size", vision.image_size, vision.patch_size);
  check_grid(table, "enc_patch_size", vision);
  if (config.margin < 0 || config.margin >= (vision.grid() + 1) / 2) {
    table.fail("overlap_margin",
               fmt::format("is {}; less than half of the {} patches of a crop's side is wanted",
                           config.margin,
                           vision.grid()));
  }
  config.crops.crop = static_cast<std::uint32_t>(vision.image_size);
  config.crops.margin = static_cast<std::uint32_t>(config.margin * vision.patch_size);
  table.add_leftovers(config.notices);
  return vision;
}

engine::DecoderConfig read_text(ConfigTable table, std::vector<std::string>& notices) {
  engine::DecoderConfig text;
  text.hidden_size = table.size_or("dim", 2048, kMostWidth);
  text.intermediate_size = table.size_or("ff_dim", 8192, kMostWidth);
  text.layers = table.size_or("n_layers", 24, kMostLayers);
  text.vocabulary = table.size_or("vocab_size", 51200);
  text.context = table.size_or("max_context", 2048);
  text.heads = table.size_or("n_heads", 32, kMostHeads);
  text.kv_heads = table.size_or("n_kv_heads", 32, kMostHeads);
  table.refuse("group_size", "asks for packed weights of another kind than MLX's");
  table.refuse("moe", "asks for a mixture of experts, which is Moondream 3");
  table.ignore({"prefix_attn"});
  divide(table, "n_heads", text.heads, text.kv_heads);
  text.head_dim = text.hidden_size / text.heads;
  if (text.hidden_size % text.heads != 0 || text.head_dim % 4 != 0) {
    table.fail("dim",
               fmt::format("is {}, with n_heads {}; heads of a multiple of 4 numbers are wanted",
                           text.hidden_size,
                           text.heads));
  }
  check_sizes(table, text);
  text.rope.dim = text.head_dim / 2;
  text.norm_eps = 1e-5F;
  text.activation = engine::Activation::kGeluTanh;
  text.layer_norm = text.parallel = true;
  text.gated = false;
  text.qkv_bias = text.out_bias = text.mlp_bias = text.head_bias = true;
  table.add_leftovers(notices);
  return text;
}

/// A list of token ids, in place of the default.
void read_ids(ConfigTable& table,
              const Json& json,
              const char* key,
              int vocabulary,
              std::vector<std::int32_t>& ids) {
  table.ignore({key});
  const auto found = json.find(key);
  if (found == json.end()) {
    return;
  }
  ids.clear();
  for (const Json& id : found->is_array() ? *found : Json::array({nullptr})) {
    if (!id.is_number_integer() || id < 0 || id >= vocabulary) {
      table.fail(key, fmt::format("is {}; a list of token ids is wanted", dump_json(*found)));
    }
    ids.push_back(id.get<std::int32_t>());
  }
}

void read_tokens(ConfigTable table, const Json& json, MoondreamConfig& config) {
  config.bos = table.token_or("bos_id", config.bos);
  config.eos = table.token_or("eos_id", config.eos);
  if (config.bos >= config.text.vocabulary) {
    table.fail("bos_id", fmt::format("is {}, outside of the vocabulary", config.bos));
  }
  if (table.has("templates")) {
    ConfigTable templates = table.table("templates");
    if (!templates.has("query")) {
      templates.fail("query", "is missing: the model takes no questions");
    }
    ConfigTable query = templates.table("query");
    const Json& ids = json.at("templates").at("query");
    read_ids(query, ids, "prefix", config.text.vocabulary, config.prefix);
    read_ids(query, ids, "suffix", config.text.vocabulary, config.suffix);
  }
}

}  // namespace

MoondreamConfig MoondreamConfig::from_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  table.refuse("text_config", "is of another revision; those since 2025 have \"config\"");
  table.refuse("phi_config", "is of another revision; those since 2025 have \"config\"");
  const Json none = Json::object();
  const Json& sizes = table.has("config") ? config.at("config") : none;
  ConfigTable inner = table.has("config") ? table.table("config") : ConfigTable(none, where);
  const auto part = [&](const char* key) {
    return inner.has(key) ? inner.table(key) : ConfigTable(none, where);
  };
  MoondreamConfig result;
  result.text = read_text(part("text"), result.notices);
  result.vision = read_vision(part("vision"), result);
  read_tokens(part("tokenizer"), inner.has("tokenizer") ? sizes.at("tokenizer") : none, result);
  ConfigTable text = part("text");
  text.only("prefix_attn", 1 + result.features());
  inner.ignore({"region", "skills"});
  table.ignore({"model_type",
                "architectures",
                "auto_map",
                "dtype",
                "torch_dtype",
                "transformers_version",
                "bos_token_id",
                "eos_token_id",
                "pad_token_id",
                "quantization",
                "quantization_config",
                "_name_or_path"});
  inner.add_leftovers(result.notices);
  table.add_leftovers(result.notices);
  return result;
}

}  // namespace headroom::models
