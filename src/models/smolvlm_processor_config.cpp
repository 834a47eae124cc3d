#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/errors.h"
#include "base/files.h"
#include "models/smolvlm_processor.h"

namespace headroom::models {
namespace {

constexpr std::uint32_t kLargestSide = 65535;

[[noreturn]] void refuse(std::string_view key, const Json& value, std::string_view accepted) {
  throw UsageError(
      "E-PROCESSOR",
      fmt::format("preprocessor_config.json: \"{}\" is {}; {}", key, dump_json(value), accepted));
}

/// The value of `key`, or nothing where it is absent or null.
const Json* find(const Json& table, const char* key) {
  const auto found = table.find(key);
  return found == table.end() || found->is_null() ? nullptr : &*found;
}

void read_flag(const Json& table, const char* key, bool& flag) {
  if (const Json* value = find(table, key)) {
    if (!value->is_boolean()) {
      refuse(key, *value, "true or false is accepted");
    }
    flag = value->get<bool>();
  }
}

std::uint32_t side_of(std::string_view key, const Json& whole, const Json& value) {
  if (!value.is_number_integer() || value < 1 || value > kLargestSide) {
    refuse(key, whole, fmt::format("whole numbers from 1 to {} are accepted", kLargestSide));
  }
  return value.get<std::uint32_t>();
}

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

images::Filter read_filter(const Json& value) {
  if (!value.is_number_integer() || value < 0 || value > 5) {
    refuse("resample", value, "0 to 5, as in Pillow, are accepted");
  }
  return static_cast<images::Filter>(value.get<int>());
}

/// Three numbers, or one for all channels.
void read_channels(const Json& table, const char* key, std::array<double, 3>& channels) {
  const Json* value = find(table, key);
  if (value == nullptr) {
    return;
  }
  if (value->is_number()) {
    channels.fill(value->get<double>());
    return;
  }
  const bool three =
      value->is_array() && value->size() == channels.size() &&
      std::all_of(value->begin(), value->end(), [](const Json& item) { return item.is_number(); });
  if (!three) {
    refuse(key, *value, "one number or three are accepted");
  }
  for (std::size_t i = 0; i < channels.size(); ++i) {
    channels[i] = (*value)[i].get<double>();
  }
}

/// A special token's text: a string, or a table with "content".
void read_token(const Json& table, const char* key, std::string& token) {
  const Json* value = find(table, key);
  if (value != nullptr && value->is_object()) {
    value = find(*value, "content");
  }
  if (value != nullptr && value->is_string() && !value->get_ref<const std::string&>().empty()) {
    token = value->get<std::string>();
  }
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

/// An empty table for a file that is not there.
Json read_optional(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    return Json::object();
  }
  try {
    Json table = parse_json(read_file(path), path.string(), "E-PROCESSOR");
    if (table.is_object()) {
      return table;
    }
  } catch (const InputError& error) {
    throw UsageError("E-PROCESSOR", error.what());
  }
  throw UsageError("E-PROCESSOR", fmt::format("{}: not a JSON object", path.string()));
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
  read_flag(table, "do_rescale", config.do_rescale);
  read_flag(table, "do_normalize", config.do_normalize);
  if (const Json* size = find(table, "size")) {
    config.size = read_size(*size, config.do_resize);
  }
  if (const Json* size = find(table, "max_image_size")) {
    config.tile_side = read_tile_side(*size);
  }
  if (const Json* filter = find(table, "resample")) {
    config.resample = read_filter(*filter);
  }
  if (const Json* factor = find(table, "rescale_factor")) {
    if (!factor->is_number()) {
      refuse("rescale_factor", *factor, "a number is accepted");
    }
    config.rescale_factor = factor->get<double>();
  }
  read_channels(table, "image_mean", config.image_mean);
  read_channels(table, "image_std", config.image_std);
  if (std::find(config.image_std.begin(), config.image_std.end(), 0.0) != config.image_std.end()) {
    refuse("image_std", table.at("image_std"), "numbers other than 0 are accepted");
  }
  if (const Json* length = find(processor, "image_seq_len")) {
    config.image_seq_len = side_of("image_seq_len", *length, *length);
  }
  // Idefics3Processor has its words built in; SmolVLMProcessor asks the tokenizer.
  if (!names_idefics3(processor) && !names_idefics3(table)) {
    config.tokens = read_tokens(tokenizer);
  }
  return config;
}

SmolVlmProcessorConfig SmolVlmProcessorConfig::load(const std::filesystem::path& folder) {
  const Json preprocessor = read_optional(folder / "preprocessor_config.json");
  const Json processor = read_optional(folder / "processor_config.json");
  if (preprocessor.empty() && find(processor, "image_processor") == nullptr) {
    throw UsageError("E-PROCESSOR",
                     fmt::format("{}: no picture processor: neither preprocessor_config.json nor "
                                 "\"image_processor\" in processor_config.json",
                                 folder.string()));
  }
  const Json tokenizer = read_optional(folder / "tokenizer_config.json");
  try {
    return from_json(preprocessor, processor, tokenizer);
  } catch (const UsageError& error) {
    throw UsageError(error.code(), fmt::format("{}/{}", folder.string(), error.what()));
  }
}

}  // namespace headroom::models
