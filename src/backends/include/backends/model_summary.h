#pragma once

#include <filesystem>
#include <string>

#include "base/bytes.h"

namespace headroom::backends {

/// What a model's folder says of it, without an engine: config.json and one header.
struct ModelSummary {
  std::string family;  ///< model_type of config.json; empty: unknown
  Bytes weights;       ///< weights_size
  /// Of most of the first weight file's bytes: "float32", "4-bit" where the configuration says that
  /// weights are quantised; empty: unknown.
  std::string dtype;
};

/// Never throws: what cannot be read is unknown.
ModelSummary summarise_model(const std::filesystem::path& folder);

/// Bytes of the weight files (*.safetensors, *.gguf) directly in the folder; of a folder without
/// any what its index declares, else 0.
Bytes weights_size(const std::filesystem::path& folder);

}  // namespace headroom::backends
