#include "processor_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "base/files.h"

namespace headroom::models::processor_table {
namespace {

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

bool is_fast(const Json& table) {
  const Json* fast = find(table, "use_fast");
  if (fast != nullptr) {
    return *fast == true;
  }
  const Json* type = find(table, "image_processor_type");
  return type != nullptr && type->is_string() &&
         type->get_ref<const std::string&>().ends_with("Fast");
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

void refuse(std::string_view key, const Json& value, std::string_view accepted) {
  throw UsageError("E-PROCESSOR", fmt::format("\"{}\" is {}; {}", key, dump_json(value), accepted));
}

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

void read_resize(const Json& table, images::Filter& filter, images::PassOrder& order) {
  if (const Json* value = find(table, "resample")) {
    if (!value->is_number_integer() || *value < 0 || *value > 5) {
      refuse("resample", *value, "0 to 5, as in Pillow, are accepted");
    }
    filter = static_cast<images::Filter>(value->get<int>());
  }
  if (is_fast(table)) {
    order = images::PassOrder::kTorchvision;
    filter = filter == images::Filter::kLanczos ? images::Filter::kBicubic : filter;
  }
}

void read_pixels(const Json& table, PixelSettings& pixels) {
  read_flag(table, "do_rescale", pixels.do_rescale);
  read_flag(table, "do_normalize", pixels.do_normalize);
  if (const Json* factor = find(table, "rescale_factor")) {
    if (!factor->is_number()) {
      refuse("rescale_factor", *factor, "a number is accepted");
    }
    pixels.rescale_factor = factor->get<double>();
  }
  read_channels(table, "image_mean", pixels.mean);
  read_channels(table, "image_std", pixels.std);
  if (std::find(pixels.std.begin(), pixels.std.end(), 0.0) != pixels.std.end()) {
    refuse("image_std", table.at("image_std"), "numbers other than 0 are accepted");
  }
}

void read_token(const Json& table, const char* key, std::string& token) {
  const Json* value = find(table, key);
  if (value != nullptr && value->is_object()) {
    value = find(*value, "content");
  }
  if (value != nullptr && value->is_string() && !value->get_ref<const std::string&>().empty()) {
    token = value->get<std::string>();
  }
}

void check_tile_sides(std::uint32_t width,
                      std::uint32_t height,
                      int tower_side,
                      const std::filesystem::path& folder) {
  const auto side = static_cast<std::uint32_t>(tower_side);
  if (width != side || height != side) {
    throw UsageError("E-PROCESSOR",
                     fmt::format("{}: preprocessor_config.json makes tiles of {} x {} pixels, and "
                                 "the vision tower takes {} x {}",
                                 folder.string(),
                                 width,
                                 height,
                                 side,
                                 side));
  }
}

void Files::rethrow(const std::filesystem::path& folder, const UsageError& refusal) const {
  const bool nested = &pictures() != &preprocessor;
  const char* const file =
      nested ? "processor_config.json: in \"image_processor\":" : "preprocessor_config.json:";
  throw UsageError(refusal.code(), fmt::format("{}/{} {}", folder.string(), file, refusal.what()));
}

const Json& Files::pictures() const {
  const Json* nested = find(processor, "image_processor");
  return nested != nullptr && nested->is_object() ? *nested : preprocessor;
}

std::optional<Files> Files::load(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "preprocessor_config.json", ignored) &&
      !std::filesystem::exists(folder / "processor_config.json", ignored)) {
    return std::nullopt;
  }
  Files files{read_optional(folder / "preprocessor_config.json"),
              read_optional(folder / "processor_config.json"),
              read_optional(folder / "tokenizer_config.json")};
  if (files.preprocessor.empty() && find(files.processor, "image_processor") == nullptr) {
    throw UsageError("E-PROCESSOR",
                     fmt::format("{}: no picture processor: neither preprocessor_config.json nor "
                                 "\"image_processor\" in processor_config.json; fetch the model "
                                 "again with its processor's files",
                                 folder.string()));
  }
  return files;
}

}  // namespace headroom::models::processor_table
