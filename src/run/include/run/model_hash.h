#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "run/specification.h"

namespace headroom::run {

/// What tells one model's contents from another's, cheaply.
struct ModelFingerprint {
  std::string hash;                          ///< of the whole
  std::map<std::string, std::string> files;  ///< by name within the folder
};

/// Of the files *.json, *.jinja, *.safetensors, *.gguf, *.model and *.txt directly in the folder:
/// up to 64 MiB the whole; of a larger one its size, its first 1 MiB (safetensors' header) and 256
/// evenly spread blocks of 4 KiB. Neither times nor the folder's own path count, so a copy has the
/// same hash. A change of a few bytes inside a large file may go unseen, another training state
/// does not. Hidden files and other kinds (README, pictures) do not count; *.py only with
/// `code`, where the model may run it. Throws UsageError("E-MODEL-FOLDER") when the folder cannot
/// be read.
ModelFingerprint model_fingerprint(const std::filesystem::path& folder, bool code = false);

/// Of these files, each as above and by its own name. Throws the same.
ModelFingerprint files_fingerprint(const std::vector<std::filesystem::path>& files);

/// Of what a resolved model reads: its folder, or the files of a GGUF one.
ModelFingerprint fingerprint_of(const ModelSpec& spec);

}  // namespace headroom::run
