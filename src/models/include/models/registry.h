#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/checkpoint.h"
#include "engine/ops.h"
#include "memory/geometry.h"
#include "models/architecture.h"

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

/// One family of models.
struct Family {
  std::string_view model_type;       ///< of config.json
  std::string_view processor_class;  ///< of preprocessor_config.json or processor_config.json
  /// Reads configuration and settings; opens no weights.
  std::unique_ptr<const Architecture> (*open)(const ModelFolder&);
  /// The family's name for a published one, in each layout that is published; empty: a tensor that
  /// is left out on purpose. Decided by the name alone.
  std::optional<std::string> (*rename)(const std::string& published);

  /// Checks everything against the headers, then reads the weights.
  std::unique_ptr<VisionLanguageModel> make(const ModelFolder& folder,
                                            mx::Dtype dtype,
                                            engine::Ops::Path path) const;
  /// The same checks; reads no weights. `max_tiles`: the most tiles of a picture, 0: no limit.
  memory::Geometry plan(const ModelFolder& folder,
                        mx::Dtype dtype,
                        const std::vector<PictureSides>& pictures,
                        std::uint32_t max_tiles) const;
};

/// The table. Adding a family is one row here and its files.
std::span<const Family> families();

/// The row of a folder's model_type.
/// Throws: UsageError("E-MODEL-TYPE") naming it, the nearest that is known, and all that are.
const Family& find_family(const ModelFolder& folder);

}  // namespace headroom::models
