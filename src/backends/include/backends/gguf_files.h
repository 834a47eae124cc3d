#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace headroom::backends {

/// The files of a GGUF model, and what goes with them.
struct GgufFiles {
  std::filesystem::path model;     ///< of several parts the first
  std::filesystem::path mmproj;    ///< its vision part; empty: none, it takes no pictures
  std::uint32_t image_tokens = 0;  ///< that each picture shall take; 0: as its size says

  bool operator==(const GgufFiles&) const = default;
};

/// "/m/model.gguf+mmproj=/m/mmproj.gguf+image-tokens=64": what stands for them in a run's record.
std::string to_string(const GgufFiles& files);
/// The opposite. Throws UsageError("E-GGUF-WORD") naming what is wrong with it.
GgufFiles parse_gguf_files(const std::string& address);

/// All that is read: the parts of a model that was split (model-00001-of-00003.gguf), in order, and
/// the vision part. Whether they exist is not looked at.
std::vector<std::filesystem::path> all_files(const GgufFiles& files);

/// What of a repository in the Hugging Face cache is GGUF.
struct CachedGguf {
  std::vector<std::string> words;  ///< "gguf:org/name:Q4_K_M" for each model, the vision parts not
  bool alone = true;               ///< the repository holds no other weights
};

/// `repository`: "org/name", its main revision. Where a file's name tells no quantisation, or that
/// of another too, the word is its path. Empty: nothing of it is GGUF, or it is not cached.
CachedGguf cached_gguf(const std::filesystem::path& hub, const std::string& repository);

/// What its headers say, for lists of models. Never throws: what cannot be read is empty.
struct GgufSummary {
  std::string architecture;  ///< "llama"
  std::string type;          ///< of most bytes: "Q4_K"
  Bytes weights;             ///< sizes of all files
};

GgufSummary summarise_gguf(const GgufFiles& files);

}  // namespace headroom::backends
