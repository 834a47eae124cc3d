#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "text/ordered_json.h"

namespace headroom::text {

/// The content of a checkpoint's text file; nothing when there is no such file. Throws
/// UsageError(code) naming the file when it cannot be read, is larger than `max_bytes`, empty, or
/// not the file but what stands for it (a Git LFS pointer, an HTML page).
std::optional<std::string> read_model_file(const std::filesystem::path& path,
                                           const std::string& code,
                                           std::uint64_t max_bytes);
/// The same, parsed. Throws UsageError(code) naming the file and the byte for anything but JSON.
std::optional<OrderedJson> read_model_json(const std::filesystem::path& path,
                                           const std::string& code,
                                           std::uint64_t max_bytes);

}  // namespace headroom::text
