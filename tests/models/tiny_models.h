#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/errors.h"
#include "models/registry.h"

namespace headroom::models::testing {

inline std::filesystem::path tiny(const std::string& name) {
  return std::filesystem::path(HEADROOM_TEST_DATA) / "tiny" / name;
}

/// The tiny checkpoints of families that there are, by folder name.
inline std::vector<std::string> tiny_models() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(tiny(""))) {
    try {
      if (entry.is_directory()) {
        ModelFolder::open(entry.path());
        names.push_back(entry.path().filename().string());
      }
    } catch (const UsageError&) {
      continue;  // of a family that there is not
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline std::unique_ptr<VisionLanguageModel> load_tiny(
    const std::string& name,
    engine::Ops::Path path = engine::Ops::Path::kBest,
    mx::Dtype dtype = mx::float32) {
  const ModelFolder folder = ModelFolder::open(tiny(name));
  return find_family(folder).make(folder, dtype, path);
}

}  // namespace headroom::models::testing
