#include "models/gemma3_config.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "gemma_text.h"
#include "models/config_table.h"
#include "vision_config.h"

namespace headroom::models {
namespace {

/// A tile's patches are pooled to a square of features.
int read_tokens_per_side(ConfigTable& table, const engine::VisionConfig& vision) {
  const int tokens = table.size_or("mm_tokens_per_image", 256);
  const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(tokens))));
  if (side * side != tokens || vision.grid() % side != 0) {
    table.fail("mm_tokens_per_image",
               fmt::format("is {}; the square of a number that divides the {} patches of a tile's "
                           "side is wanted",
                           tokens,
                           vision.grid()));
  }
  return side;
}

}  // namespace

Gemma3Config Gemma3Config::from_json(const Json& config, const std::string& where) {
  ConfigTable table(config, where);
  Gemma3Config result;
  result.text = read_gemma_text(table.table("text_config"), {"gemma3_text"}, result.notices);
  result.text.blocks = true;
  result.vision = read_siglip(table, siglip_vision(), result.notices);
  result.tokens_per_side = read_tokens_per_side(table, result.vision);
  result.text.tied_head = table.flag_or("tie_word_embeddings", result.text.tied_head);
  result.image_token = table.token_or("image_token_index", result.image_token);
  result.image_token = table.token_or("image_token_id", result.image_token);
  table.check_token("image_token_index", result.image_token, result.text.vocabulary);
  // The tokens around a picture come from the tokenizer's files.
  table.ignore({"model_type",
                "architectures",
                "quantization",
                "quantization_config",
                "generation_config",
                "boi_token_index",
                "boi_token_id",
                "eoi_token_index",
                "eoi_token_id",
                "initializer_range",
                "dtype",
                "torch_dtype",
                "pad_token_id",
                "bos_token_id",
                "eos_token_id",
                "use_cache",
                "vocab_size",
                "hidden_size",
                "transformers_version",
                "_name_or_path"});
  table.add_leftovers(result.notices);
  return result;
}

}  // namespace headroom::models
