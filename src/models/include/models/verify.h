#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "models/vision_language_model.h"

namespace headroom::models {

/// How a model compares with a reference's record.
struct Verification {
  double max_logit_difference = 0;
  std::vector<std::int32_t> expected_tokens;
  std::vector<std::int32_t> tokens;
  std::string first_different_tap;  ///< empty: none, or no taps in the record
  double tap_difference = 0;        ///< the largest of all taps
};

/// A tap differs when it is farther from the record than this.
inline constexpr double kTapTolerance = 1e-3;

/// Feeds a golden file's inputs (input_ids, pixel_values, and masks, which must be all ones) to the
/// model, compares `logits` and intermediate results by their names, and continues greedily for as
/// many tokens as `generated` has.
/// Throws: InputError("E-GOLDEN") naming the tensor when the file does not fit the model.
/// Thread: MLX thread.
Verification verify(VisionLanguageModel& model,
                    const std::filesystem::path& golden,
                    const Clock& clock);

}  // namespace headroom::models
