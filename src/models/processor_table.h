#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "base/json.h"
#include "images/resize.h"
#include "models/pixel_levels.h"

/// Settings of preprocessor_config.json as every processor reads them. A key that is absent or null
/// leaves what was there before.
/// Errors: UsageError("E-PROCESSOR") naming the key, its value and what is accepted.
namespace headroom::models::processor_table {

inline constexpr std::uint32_t kLargestSide = 65535;

/// Without the file, which Files::rethrow adds.
[[noreturn]] void refuse(std::string_view key, const Json& value, std::string_view accepted);

/// The value of `key`, or null where it is absent or null.
const Json* find(const Json& table, const char* key);

void read_flag(const Json& table, const char* key, bool& flag);
/// A whole number from 1 to kLargestSide. `whole`: the value that is shown.
std::uint32_t side_of(std::string_view key, const Json& whole, const Json& value);
/// "resample", numbered as in Pillow, and whether the settings are those of Transformers' "fast"
/// processor ("use_fast", else the name in "image_processor_type"), which resizes by torchvision:
/// that has no Lanczos, and takes bicubic in its place.
void read_resize(const Json& table, images::Filter& filter, images::PassOrder& order);
/// do_rescale, rescale_factor, do_normalize, image_mean, image_std.
void read_pixels(const Json& table, PixelSettings& pixels);
/// A special token's text: a string, or a table with "content".
void read_token(const Json& table, const char* key, std::string& token);

/// Refuses, for the folder, tiles of other sides than the vision tower takes.
void check_tile_sides(std::uint32_t width,
                      std::uint32_t height,
                      int tower_side,
                      const std::filesystem::path& folder);

/// The files of a checkpoint folder that say how pictures are processed; empty tables stand for
/// missing ones.
struct Files {
  Json preprocessor = Json::object();  ///< processor_config.json's "image_processor" replaces it
  Json processor = Json::object();
  Json tokenizer = Json::object();

  /// What the picture processor's settings are read from.
  const Json& pictures() const;

  /// A refusal of a setting of theirs, with the file that has it.
  [[noreturn]] void rethrow(const std::filesystem::path& folder, const UsageError& refusal) const;

  /// Nothing where the folder has neither preprocessor_config.json nor processor_config.json.
  static std::optional<Files> load(const std::filesystem::path& folder);
};

}  // namespace headroom::models::processor_table
