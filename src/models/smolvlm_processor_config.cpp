#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/errors.h"
#include "models/smolvlm_processor.h"
#include "processor_table.h"

namespace headroom::models {
namespace {

using processor_table::find;
using processor_table::read_flag;
using processor_table::read_token;
using processor_table::refuse;
using processor_table::side_of;

/// The sets of keys that Transformers knows (image_processing_utils.VALID_SIZE_DICT_KEYS), whether
/// or not this processor can use them.
bool known_size_keys(const Json& size) {
  static const std::array<std::set<std::string>, 6> kSets = {
      std::set<std::string>{"height", "width"},
      {"shortest_edge"},
      {"shortest_edge", "longest_edge"},
      {"longest_edge"},
      {"max_height", "max_width"},
      {"min_pixels", "max_pixels"}};
  std::set<std::string> keys;
  for (const auto& [key, value] : size.items()) {
    keys.insert(key);
  }
  return std::find(kSets.begin(), kSets.end(), keys) != kSets.end();
}

TargetSize read_size(const Json& size, bool needed) {
  constexpr std::string_view kAccepted =
      "a number, [height, width], \"longest_edge\", or \"height\" and \"width\" are accepted";
  if (size.is_number()) {
    const std::uint32_t side = side_of("size", size, size);
    return {.longest_edge = std::nullopt, .height = side, .width = side};
  }
  if (size.is_array() && size.size() == 2) {
    return {.longest_edge = std::nullopt,
            .height = side_of("size", size, size[0]),
            .width = side_of("size", size, size[1])};
  }
  if (!size.is_object() || !known_size_keys(size)) {
    refuse("size", size, kAccepted);
  }
  if (const Json* longest = find(size, "longest_edge")) {
    return {.longest_edge = side_of("size", size, *longest)};
  }
  if (const Json* height = find(size, "height")) {
    return {.longest_edge = std::nullopt,
            .height = side_of("size", size, *height),
            .width = side_of("size", size, size.at("width"))};
  }
  if (needed) {
    refuse("size", size, kAccepted);
  }
  return {};
}

std::uint32_t read_tile_side(const Json& size) {
  const Json* longest = size.is_object() ? find(size, "longest_edge") : nullptr;
  if (longest == nullptr) {
    refuse("max_image_size", size, "{\"longest_edge\": NUMBER} is accepted");
  }
  return side_of("max_image_size", size, *longest);
}

ImageTokens read_tokens(const Json& tokenizer) {
  ImageTokens tokens;
  for (const char* place : {"extra_special_tokens", "model_specific_special_tokens", ""}) {
    const Json* table = *place == '\0' ? &tokenizer : find(tokenizer, place);
    if (table != nullptr && table->is_object()) {
      read_token(*table, "image_token", tokens.image);
      read_token(*table, "fake_image_token", tokens.fake);
      read_token(*table, "global_image_token", tokens.global);
    }
  }
  return tokens;
}

bool names_idefics3(const Json& table) {
  const Json* name = find(table, "processor_class");
  return name != nullptr && *name == "Idefics3Processor";
}

}  // namespace

// Keys that change nothing here: do_convert_rgb (pictures come as RGB), do_pad (tiles of one
// picture are all full), return_row_col_info, video settings, and the names of classes.
SmolVlmProcessorConfig SmolVlmProcessorConfig::from_json(const Json& preprocessor,
                                                         const Json& processor,
                                                         const Json& tokenizer) {
  const Json* nested = find(processor, "image_processor");
  const Json& table = nested != nullptr && nested->is_object() ? *nested : preprocessor;
  SmolVlmProcessorConfig config;
  read_flag(table, "do_resize", config.do_resize);
  read_flag(table, "do_image_splitting", config.do_image_splitting);
  if (const Json* size = find(table, "size")) {
    config.size = read_size(*size, config.do_resize);
  }
  if (const Json* size = find(table, "max_image_size")) {
    config.tile_side = read_tile_side(*size);
  }
  processor_table::read_resize(table, config.resample, config.pass_order);
  processor_table::read_pixels(table, config.pixels);
  if (const Json* length = find(processor, "image_seq_len")) {
    config.image_seq_len = side_of("image_seq_len", *length, *length);
  }
  // Idefics3Processor has its words built in; SmolVLMProcessor asks the tokenizer.
  if (!names_idefics3(processor) && !names_idefics3(table)) {
    config.tokens = read_tokens(tokenizer);
  }
  return config;
}

std::optional<SmolVlmProcessorConfig> SmolVlmProcessorConfig::load(
    const std::filesystem::path& folder) {
  const auto files = processor_table::Files::load(folder);
  if (!files) {
    return std::nullopt;
  }
  try {
    return from_json(files->preprocessor, files->processor, files->tokenizer);
  } catch (const UsageError& error) {
    files->rethrow(folder, error);
  }
}

}  // namespace headroom::models
