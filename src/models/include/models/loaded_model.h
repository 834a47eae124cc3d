#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/registry.h"
#include "models/stop_tokens.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace headroom::models {

/// Refuses what cannot be asked for want of files, seen without reading them: a folder without
/// tokenizer.json, a bare checkpoint among them, which can be loaded and verified.
/// Throws: UsageError("E-TOKENIZER").
void check_askable(const std::filesystem::path& folder);

/// A checkpoint in memory with all that asking it needs.
/// Thread: loaded, used and destroyed on the MLX thread.
struct LoadedModel {
  std::unique_ptr<VisionLanguageModel> model;

  /// What turns conversations into prompts; absent for a bare checkpoint, which holds none of
  /// tokenizer.json and the processor's files and can be verified alone.
  struct Text {
    text::Tokenizer tokenizer;
    text::ChatTemplate chat_template;
    std::shared_ptr<const PictureProcessor> processor;
    StopTokens stops;
  };

  std::optional<Text> text;
  std::vector<std::string> notices;

  /// Throws: UsageError as ModelFolder::open, find_family, the family's make, Tokenizer::load,
  /// ChatTemplate::load, find_stop_tokens; BudgetError("E-MEM-ALLOC").
  static LoadedModel load(const std::filesystem::path& folder,
                          mx::Dtype dtype,
                          WallTime now,
                          engine::Ops::Path path = engine::Ops::Path::kBest);

  /// Throws UsageError("E-PROCESSOR") for a bare checkpoint.
  const Text& asking() const;
};

}  // namespace headroom::models
