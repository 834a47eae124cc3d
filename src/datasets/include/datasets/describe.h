#pragma once

#include <array>
#include <string>
#include <string_view>

#include "datasets/item.h"
#include "datasets/picture_set.h"

namespace headroom::datasets {

/// What is asked about every picture unless the user says otherwise.
inline constexpr std::string_view kDescribePrompt =
    "Describe what you see in this image in detail.";

/// What shows whether a model can be asked without a picture.
inline constexpr std::array<std::string_view, 3> kTextOnlyPrompts = {
    "What is the capital of France?",
    "Explain the concept of machine learning in simple terms.",
    "Write a short poem about technology.",
};

/// Item::arm of the two kinds of items.
inline constexpr std::string_view kDescribeArm = "picture";
inline constexpr std::string_view kWithoutPictureArm = "text";

struct DescribeOptions {
  std::string prompt = std::string(kDescribePrompt);
  bool text_only = true;  ///< the three prompts follow the pictures
};

/// Every picture with the prompt, its captions as references and its items as facts; then
/// "text-only-1" to "text-only-3", without a picture. A picture that cannot be opened keeps its
/// place with a defect. Metric: fact-recall.
/// Throws UsageError("E-PROMPT") for a blank prompt, and ("E-PROMPT-IMAGES") when it has more than
/// one "<image>".
Dataset describe_dataset(PictureSet set, const DescribeOptions& options);

}  // namespace headroom::datasets
