#include "models/paligemma_config.h"

#include <fmt/format.h>

#include <utility>

#include "gemma_text.h"
#include "models/config_table.h"
#include "vision_config.h"

namespace headroom::models {
namespace {

/// What a checkpoint without "vision_config" has.
engine::VisionConfig siglip_so400m() {
  engine::VisionConfig vision = siglip_vision();
  vision.hidden_size = 1152;
  vision.intermediate_size = 4096;
  vision.layers = vision.used = 27;
  vision.heads = 16;
  vision.patch_size = 14;
  return vision;
}

}  // namespace

PaliGemmaConfig PaliGemmaConfig::from_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  PaliGemmaConfig result;
  result.text = read_gemma_text(table.table("text_config"), {"gemma", "gemma2"}, result.notices);
  result.text.reach.whole_blocks = true;
  result.text.blocks = true;
  result.vision = read_siglip(table, siglip_so400m(), result.notices);
  result.text.tied_head = table.flag_or("tie_word_embeddings", result.text.tied_head);
  result.image_token = table.token_or("image_token_index", result.image_token);
  result.image_token = table.token_or("image_token_id", result.image_token);
  table.check_token("image_token_index", result.image_token, result.text.vocabulary);
  const int projection = table.size_or("projection_dim", result.text.hidden_size);
  if (projection != result.text.hidden_size) {
    table.fail("projection_dim",
               fmt::format("is {}, and the decoder's hidden_size {}; features stand in its rows",
                           projection,
                           result.text.hidden_size));
  }
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
                "vocab_size",
                "_vocab_size",
                "hidden_size",
                "transformers_version",
                "_name_or_path"});
  table.add_leftovers(result.notices);
  return result;
}

}  // namespace headroom::models
