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
  std::size_t first = 0;  ///< of the set's entries, from 0
  std::size_t count = static_cast<std::size_t>(-1);
};

/// Every picture with the prompt, its captions as references and its items as facts; then
/// "text-only-1" to "text-only-3", without a picture. A picture that cannot be opened keeps its
/// place with a defect. Metric: fact-recall.
/// Throws UsageError("E-DATA-EMPTY") when no entry is left of `first` and `count`, and
/// ("E-PROMPT-IMAGES") when the prompt has more than one "<image>".
Dataset describe_dataset(PictureSet set, const DescribeOptions& options);

}  // namespace headroom::datasets
