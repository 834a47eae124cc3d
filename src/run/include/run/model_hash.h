#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace headroom::run {

/// What tells one model's contents from another's, cheaply.
struct ModelFingerprint {
  std::string hash;                          ///< of the whole
  std::map<std::string, std::string> files;  ///< by name within the folder
};

/// Files below 16 MiB that are no weights (configuration, tokenizer, template, index) and weight
/// files below 64 MiB are hashed whole. Of a larger file: its size, its first 1 MiB (safetensors'
/// header) and 256 evenly spread blocks of 4 KiB. A copy in another folder has the same hash; a
/// change of a few bytes within a large file may go unseen, another training state does not.
/// Hidden files, folders and files of other kinds (README, pictures, Python) do not count.
/// Throws UsageError("E-MODEL-FOLDER") when the folder cannot be read.
ModelFingerprint model_fingerprint(const std::filesystem::path& folder);

}  // namespace headroom::run
