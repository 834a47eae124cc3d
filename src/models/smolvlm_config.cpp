#include "models/smolvlm_config.h"

#include <fmt/format.h>

#include "models/config_table.h"
#include "text_config.h"
#include "vision_config.h"

namespace headroom::models {
namespace {

engine::VisionConfig default_vision() {
  engine::VisionConfig vision;
  vision.hidden_size = 1152;
  vision.intermediate_size = 3072;
  vision.layers = 12;
  vision.heads = 16;
  vision.image_size = 224;
  vision.patch_size = 32;
  vision.fractional_positions = true;
  return vision;
}

}  // namespace

SmolVlmConfig SmolVlmConfig::from_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  SmolVlmConfig result;
  result.text = read_text_config(table.table("text_config"), {"llama"}, false, result.notices);
  result.vision = default_vision();
  read_vision_config(table.table("vision_config"), result.vision, result.notices);
  if (result.vision.activation != engine::Activation::kGeluTanh) {
    table.fail("vision_config", "has a hidden_act other than \"gelu_pytorch_tanh\"");
  }
  result.scale_factor = table.size_or("scale_factor", result.scale_factor, kMostMerged);
  result.image_token = table.token_or("image_token_id", result.image_token);
  result.text.tied_head = table.flag_or("tie_word_embeddings", false);
  if (result.vision.grid() % result.scale_factor != 0) {
    table.fail("scale_factor",
               fmt::format("is {}, which does not divide the vision tower's {} patches a side",
                           result.scale_factor,
                           result.vision.grid()));
  }
  table.check_token("image_token_id", result.image_token, result.text.vocabulary);
  table.ignore({"architectures",
                "model_type",
                "quantization",
                "quantization_config",
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
  table.add_leftovers(result.notices);
  return result;
}

}  // namespace headroom::models
