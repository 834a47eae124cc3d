#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "backends/model_source.h"

namespace headroom::backends {

/// Before a word whose model is asked through llama.cpp's server.
inline constexpr std::string_view kGguf = "gguf:";

/// Whether a word for a model is one for GGUF: with the prefix, or the name of a file *.gguf.
bool is_gguf_word(const std::string& word);

/// Finds the files that `target` names: FILE, a folder, org/name[:QUANTISATION][@revision] of the
/// cache, each with [+mmproj=FILE|none][+image-tokens=N] behind it. Without +mmproj= the vision
/// part is looked for beside the model. Only reads. `word`: as the user wrote it. Throws
/// UsageError: E-MODEL-NOT-FOUND, E-MODEL-NOT-CACHED, E-MODEL-AMBIGUOUS (several models or vision
/// parts, listed), E-MODEL-FOLDER (none), E-MODEL-DANGLING, E-MODEL-LFS, E-GGUF-WORD.
ModelSource resolve_gguf(const std::string& word,
                         const std::string& target,
                         const std::filesystem::path& hub);

/// The command that fetches a repository, or the file of it, that is not in the cache; empty: there
/// is nothing to fetch.
std::string gguf_fetch_command(const std::string& target, const std::filesystem::path& hub);

}  // namespace headroom::backends
