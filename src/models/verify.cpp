#include "models/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/errors.h"
#include "engine/evaluate.h"
#include "engine/generate.h"
#include "engine/tensor_file.h"

namespace headroom::models {
namespace {

using engine::TensorFile;

const std::set<std::string> kKnown = {"input_ids",
                                      "pixel_values",
                                      "attention_mask",
                                      "pixel_attention_mask",
                                      "logits",
                                      "generated",
                                      "text_ids",
                                      "text_logits"};

/// Inputs of whole numbers that say how pixel_values are to be read, or repeat what the ids say.
const std::set<std::string> kNumbers = {"image_sizes",
                                        "image_grid_thw",
                                        "token_type_ids",
                                        "mm_token_type_ids",
                                        "spatial_shapes",
                                        "tiling"};

/// What other programs made of the same inputs.
constexpr std::string_view kForeign = "mlx_";

double largest_difference(const mx::array& ours, const mx::array& theirs, const std::string& name) {
  if (ours.size() != theirs.size()) {
    throw InputError("E-GOLDEN",
                     fmt::format("'{}' has {} numbers in the record, {} in the model",
                                 name,
                                 theirs.size(),
                                 ours.size()));
  }
  const mx::array flat = mx::contiguous(mx::astype(ours, mx::float32));
  engine::evaluate({flat, theirs});
  const float* a = flat.data<float>();
  const float* b = theirs.data<float>();
  double largest = 0;
  for (std::size_t i = 0; i < flat.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    // A NaN is farther off than any number.
    largest = std::isnan(difference) ? HUGE_VAL : std::max(largest, difference);
  }
  return largest;
}

void check_mask(const TensorFile& file, const std::string& name) {
  if (!file.has(name)) {
    return;
  }
  const auto mask = file.integers(name);
  if (std::any_of(mask.begin(), mask.end(), [](std::int32_t v) { return v != 1; })) {
    throw InputError("E-GOLDEN",
                     fmt::format("'{}' leaves places out, which is not supported", name));
  }
}

std::vector<engine::PromptToken> read_prompt(const VisionLanguageModel& model,
                                             std::vector<std::int32_t>&& input_ids,
                                             const std::vector<const PreparedPicture*>& pictures,
                                             int features) {
  std::vector<engine::PromptToken> prompt;
  std::int32_t used = 0;
  for (const std::int32_t id : model.reference_ids(std::move(input_ids), pictures)) {
    prompt.push_back({id, id == model.image_token() ? used++ : -1});
  }
  if (used != features || prompt.empty()) {
    throw InputError("E-GOLDEN",
                     fmt::format("input_ids hold {} tokens, {} of them image tokens, for {} image "
                                 "features",
                                 prompt.size(),
                                 used,
                                 features));
  }
  return prompt;
}

Pictures read_pictures(const VisionLanguageModel& model, const TensorFile& file) {
  ReferenceInputs inputs{file.floats("pixel_values"), {}};
  engine::evaluate(inputs.pixels);
  for (const std::string& name : kNumbers) {
    if (file.has(name)) {
      inputs.numbers[name] = file.integers(name);
    }
  }
  return model.reference_pictures(inputs);
}

std::vector<const PreparedPicture*> addresses(const Pictures& pictures) {
  std::vector<const PreparedPicture*> all;
  for (const auto& picture : pictures) {
    all.push_back(picture.get());
  }
  return all;
}

/// Compares what the model taps with the record, and remembers.
class TapWatch {
 public:
  TapWatch(VisionLanguageModel& model, const TensorFile& file, Verification& result)
      : model_(model) {
    for (const std::string& name : file.names()) {
      if (!kKnown.contains(name) && !kNumbers.contains(name) && !name.starts_with(kForeign)) {
        wanted_.insert(name);
      }
    }
    if (wanted_.empty()) {
      return;
    }
    model.tap = [this, &file, &result](const std::string& name, const mx::array& value) {
      if (wanted_.erase(name) == 0) {
        return;  // not recorded, or compared already: later passes run the same layers again
      }
      const double difference = largest_difference(value, file.floats(name), name);
      result.tap_difference = std::max(result.tap_difference, difference);
      if (difference > kTapTolerance && result.first_different_tap.empty()) {
        result.first_different_tap = name;
      }
    };
  }

  ~TapWatch() { model_.tap = nullptr; }

  TapWatch(const TapWatch&) = delete;
  TapWatch& operator=(const TapWatch&) = delete;

  void finish() const {
    if (!wanted_.empty()) {
      throw InputError("E-GOLDEN",
                       fmt::format("'{}' is no input and no intermediate result of this model",
                                   *wanted_.begin()));
    }
  }

 private:
  VisionLanguageModel& model_;
  std::set<std::string> wanted_;
};

}  // namespace

GoldenPrompt read_golden_prompt(VisionLanguageModel& model,
                                const TensorFile& file,
                                const engine::Guard& guard) {
  GoldenPrompt golden;
  if (file.has("pixel_values")) {
    golden.pictures = read_pictures(model, file);
    model.hold_vision();
    golden.features = model.encode(addresses(golden.pictures), guard);
    engine::evaluate(*golden.features);
  }
  golden.tokens = read_prompt(model,
                              file.integers("input_ids"),
                              addresses(golden.pictures),
                              golden.features ? golden.features->shape(0) : 0);
  model.place(golden.tokens, addresses(golden.pictures));
  return golden;
}

mx::array encode_pixels(const VisionLanguageModel& model,
                        const mx::array& pixels,
                        const engine::Guard& guard) {
  engine::evaluate(pixels);
  const Pictures pictures = model.reference_pictures({pixels, {}});
  return model.encode(addresses(pictures), guard);
}

Verification verify(VisionLanguageModel& model,
                    const std::filesystem::path& golden,
                    const Clock& clock) {
  const TensorFile file(golden);
  check_mask(file, "attention_mask");
  check_mask(file, "pixel_attention_mask");
  Verification result;
  result.expected_tokens = file.integers("generated");
  TapWatch taps(model, file, result);
  const engine::Guard guard;
  const GoldenPrompt prompt = read_golden_prompt(model, file, guard);
  const std::set<std::int32_t> none;
  const engine::Generator generator(model, none, clock);
  const auto trace = generator.trace(prompt.tokens,
                                     prompt.features ? &*prompt.features : nullptr,
                                     result.expected_tokens.size(),
                                     guard);
  taps.finish();
  result.tokens = trace.tokens;
  result.max_logit_difference = largest_difference(trace.logits, file.floats("logits"), "logits");
  return result;
}

}  // namespace headroom::models
