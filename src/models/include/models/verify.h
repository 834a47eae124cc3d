#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/tensor_file.h"
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

using Pictures = std::vector<std::unique_ptr<PreparedPicture>>;

/// The inputs of a golden file as the model takes them.
struct GoldenPrompt {
  std::vector<engine::PromptToken> tokens;
  Pictures pictures;
  std::optional<mx::array> features;  ///< evaluated; empty: no pixel_values
};

/// Throws: InputError("E-GOLDEN") naming the tensor when the file does not fit the model.
GoldenPrompt read_golden_prompt(VisionLanguageModel& model,
                                const engine::TensorFile& file,
                                const engine::Guard& guard);

/// Features of pixels in the reference processor's form, for a family that needs no more than them.
/// Throws: as VisionLanguageModel::reference_pictures.
mx::array encode_pixels(const VisionLanguageModel& model,
                        const mx::array& pixels,
                        const engine::Guard& guard);

/// Feeds a golden file's inputs (input_ids, pixel_values with what says how to read it, and masks,
/// which must be all ones) to the model, compares `logits` and intermediate results by their names,
/// and continues greedily for as many tokens as `generated` has. Throws: InputError("E-GOLDEN")
/// naming the tensor when the file does not fit the model. Thread: MLX thread.
Verification verify(VisionLanguageModel& model,
                    const std::filesystem::path& golden,
                    const Clock& clock);

}  // namespace headroom::models
