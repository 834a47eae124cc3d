#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/decoder.h"
#include "engine/ops.h"
#include "engine/weights.h"
#include "images/resize.h"
#include "memory/geometry.h"
#include "models/vision_language_model.h"

namespace headroom::models {

/// The sides of a picture as it is handed to the model's own processing.
using PictureSides = images::Sides;

/// With what a model computes, as far as its memory depends on it.
struct Computing {
  mx::Dtype dtype = mx::float32;
  bool kernels = false;  ///< Ops::kernels
};

/// The vision tower and what leads from it to the decoder, in memory.
/// Thread: MLX thread.
class VisionEncoder {
 public:
  virtual ~VisionEncoder() = default;
  /// A picture's features: [picture.features, E], their parts evaluated. Several sets of features,
  /// for several layers of the decoder, stand side by side and make it wider.
  virtual mx::array encode(const PreparedPicture& picture,
                           const engine::Guard& guard,
                           const Tap& tap) const = 0;
};

/// What a family is, as config.json and the processor's files of one checkpoint have it: all that
/// differs between families. What they share is FamilyModel, which is made of one.
/// Thread: const members from any thread, but for make_vision.
class Architecture {
 public:
  virtual ~Architecture() = default;

  virtual const engine::DecoderConfig& text() const = 0;

  virtual engine::DecoderNames text_names() const { return {}; }

  /// The id that stands in a prompt once for each feature. It is not looked up in the embedding:
  /// -1 where the family has none of its own.
  virtual std::int32_t image_token() const = 0;
  /// Takes the vision half's weights, by the names that the family's `rename` gives.
  virtual std::unique_ptr<VisionEncoder> make_vision(engine::Weights& weights,
                                                     engine::Ops ops) const = 0;
  /// Null where the folder has no processor's settings.
  virtual std::shared_ptr<const PictureProcessor> processor() const = 0;
  /// As VisionLanguageModel::reference_pictures.
  virtual std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const = 0;

  /// As VisionLanguageModel::reference_ids.
  virtual std::vector<std::int32_t> reference_ids(
      std::vector<std::int32_t> ids, std::span<const PreparedPicture* const> /*pictures*/) const {
    return ids;
  }

  /// Requires: there is a processor. `max_tiles`: 0: no limit. Width and height are filled in.
  virtual memory::PictureCost picture_cost(const PictureSides& sides,
                                           std::uint32_t max_tiles,
                                           const Computing& computing) const = 0;

  /// As VisionLanguageModel::place: rotary positions of several rows, and blocks of tokens that see
  /// one another (a picture's, or a whole prompt).
  virtual void place(std::vector<engine::PromptToken>& /*prompt*/,
                     std::span<const PreparedPicture* const> /*pictures*/) const {}

  /// What the shared arithmetic does not know of the geometry, such as shares_prefix.
  virtual void declare(memory::Geometry& /*geometry*/) const {}

  virtual bool needs_picture() const { return false; }

  /// For a checkpoint that holds none; empty: such a one is refused.
  virtual std::string_view chat_template() const { return {}; }

  /// Ids that end an answer, where config.json names them in a place of the family's own.
  virtual std::vector<std::int32_t> stop_tokens() const { return {}; }

  /// Throws: UsageError("E-TOKENIZER") for a tokenizer that is known not to be the model's.
  /// `where`: its file.
  virtual void check_tokenizer(const text::Tokenizer& /*tokenizer*/,
                               const std::string& /*where*/) const {}

  /// Keys that nobody used, and what else reading had to say.
  std::vector<std::string> notices;
};

}  // namespace headroom::models
