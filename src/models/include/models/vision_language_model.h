#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/conversation.h"
#include "engine/language_model.h"
#include "engine/tap.h"
#include "images/image.h"
#include "text/ordered_json.h"
#include "text/tokenizer.h"

namespace headroom::models {

namespace mx = mlx::core;

/// A picture after a family's own processing, on the host. Families derive from it.
struct PreparedPicture {
  virtual ~PreparedPicture() = default;

  /// Frees what only `encode` reads; what `expand` and `place` read stays.
  virtual void drop_pixels() {}

  std::uint32_t features = 0;     ///< rows that the model makes of it: its image tokens
  std::uint32_t tiles = 0;        ///< that the vision tower sees
  std::uint32_t whole_tiles = 0;  ///< that it would see without a limit
};

/// What a family does with pictures and prompts outside of MLX.
/// Thread: any; no shared state.
class PictureProcessor {
 public:
  virtual ~PictureProcessor() = default;
  /// `max_tiles`: most tiles of the picture; 0: as the processor says.
  /// Throws: InputError when the processor cannot take the picture.
  virtual std::unique_ptr<PreparedPicture> prepare(const images::Image& image,
                                                   std::uint32_t max_tiles) const = 0;
  /// The conversation as the family's templates read it: by default each message's parts in a list.
  virtual text::OrderedJson messages(const Conversation& conversation) const;
  /// `prompt` with each picture's place written out in full, in order.
  /// Throws: InputError("E-PROMPT-IMAGES") with both numbers when places and pictures differ.
  virtual std::string expand(const std::string& prompt,
                             std::span<const PreparedPicture* const> pictures) const = 0;
  /// The tokens of `prompt`, with the image token once for each feature: by default those of the
  /// expanded text, with the tokenizer's own first token where the template has not written it, as
  /// Transformers' apply_chat_template does.
  virtual std::vector<std::int32_t> tokens(const std::string& prompt,
                                           std::span<const PreparedPicture* const> pictures,
                                           const text::Tokenizer& tokenizer) const;
};

/// Names of intermediate results, as the reference names them, for comparison layer by layer.
using Tap = engine::Tap;

/// What a reference's own processor hands to its model, as golden files hold it.
struct ReferenceInputs {
  mx::array pixels;  ///< pixel_values, float32 and evaluated, in the shape that the family has
  /// The others by name ("image_sizes", "image_grid_thw", …), flattened.
  std::map<std::string, std::vector<std::int32_t>> numbers;
};

/// A model that answers questions about pictures.
/// Thread: MLX thread.
class VisionLanguageModel : public engine::LanguageModel {
 public:
  virtual const std::string& family() const = 0;
  virtual Bytes weight_bytes() const = 0;
  /// Of them, what release_vision frees.
  virtual Bytes vision_bytes() const = 0;
  virtual std::uint64_t parameters() const = 0;
  virtual mx::Dtype dtype() const = 0;
  virtual std::int32_t image_token() const = 0;
  /// Rows of the embedding.
  virtual std::int32_t vocabulary() const = 0;

  /// Whether the family cannot be asked without a picture; then it is not asked, and no other
  /// picture takes its place.
  virtual bool needs_picture() const { return false; }

  /// What loading has to say: keys and tensors that were not used.
  virtual const std::vector<std::string>& notices() const = 0;

  /// Null for a bare checkpoint without a processor's settings: it can be verified, not asked.
  virtual std::shared_ptr<const PictureProcessor> processor() const = 0;

  /// Gives a prompt's tokens the positions and blocks that the family has (prompt_token.h), where
  /// those are not the plain ones. `pictures`: the prompt's, in order.
  /// Thread: any.
  virtual void place(std::vector<engine::PromptToken>& /*prompt*/,
                     std::span<const PreparedPicture* const> /*pictures*/) const {}

  /// Drops the weights that only `encode` needs. Idempotent. What was encoded must be evaluated.
  virtual void release_vision() = 0;
  /// Reads them again from the checkpoint, where they were released.
  /// Memory: vision_bytes(), and Weights::kStaging while they are converted.
  /// Throws: UsageError("E-WEIGHTS-FILE") when a file is gone or has changed; BudgetError
  /// ("E-MEM-ALLOC"). They are then still released.
  virtual void hold_vision() = 0;
  /// Features of pictures, one below the other: [sum of features, E], or wider, where the family
  /// has several sets of them side by side.
  /// Requires: the vision tower's weights are held.
  virtual mx::array encode(std::span<const PreparedPicture* const> pictures,
                           const engine::Guard& guard) const = 0;
  /// The pictures of a reference's inputs.
  /// Throws: InputError("E-PIXELS") with the shape that is wanted.
  virtual std::vector<std::unique_ptr<PreparedPicture>> reference_pictures(
      const ReferenceInputs& inputs) const = 0;
  /// A reference's input_ids with the image token where its pictures' features stand.
  virtual std::vector<std::int32_t> reference_ids(
      std::vector<std::int32_t> ids, std::span<const PreparedPicture* const> pictures) const = 0;

  /// Set while comparing with a reference; empty otherwise.
  Tap tap;
};

}  // namespace headroom::models
