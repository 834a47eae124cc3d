#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/checkpoint.h"
#include "engine/ops.h"
#include "images/resize.h"
#include "memory/geometry.h"
#include "models/vision_language_model.h"

namespace headroom::models {

/// A checkpoint folder whose config.json and weight headers have been read.
struct ModelFolder {
  std::filesystem::path folder;
  Json config;
  engine::Checkpoint checkpoint;

  std::string config_path() const { return (folder / "config.json").string(); }

  /// Throws: UsageError("E-CHECKPOINT", …) as read_checkpoint_json and Checkpoint::open, and before
  /// any weights are looked at "E-MODEL-TYPE" as find_family.
  static ModelFolder open(const std::filesystem::path& folder);
};

/// The sides of a picture as it is handed to the model's own processing.
using PictureSides = images::Sides;

/// One family of models.
struct Family {
  std::string_view model_type;       ///< of config.json
  std::string_view processor_class;  ///< of preprocessor_config.json or processor_config.json
  /// Checks everything against the headers, then reads the weights.
  std::unique_ptr<VisionLanguageModel> (*make)(const ModelFolder&, mx::Dtype, engine::Ops::Path);
  /// The same checks; reads no weights. The last is the most tiles of a picture, 0: no limit.
  memory::Geometry (*plan)(const ModelFolder&,
                           mx::Dtype,
                           const std::vector<PictureSides>&,
                           std::uint32_t);
};

/// The table. Adding a family is one row here and its files.
std::span<const Family> families();

/// The row of a folder's model_type.
/// Throws: UsageError("E-MODEL-TYPE") naming it, the nearest that is known, and all that are.
const Family& find_family(const ModelFolder& folder);

}  // namespace headroom::models
