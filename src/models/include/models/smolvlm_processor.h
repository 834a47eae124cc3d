#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "images/image.h"
#include "images/resize.h"
#include "models/pixel_levels.h"

namespace headroom::models {

/// "size" of preprocessor_config.json, in the two forms that the reference can use.
struct TargetSize {
  std::optional<std::uint32_t> longest_edge;  ///< aspect kept, longest side exactly this
  std::uint32_t height = 0;                   ///< with `width`, when longest_edge is empty
  std::uint32_t width = 0;
};

/// The words that stand around and for a picture in the prompt.
struct ImageTokens {
  std::string image = "<image>";
  std::string fake = "<fake_token_around_image>";
  std::string global = "<global-img>";
};

/// Settings of SmolVLMImageProcessor and Idefics3ImageProcessor (equal in behaviour) and of the
/// processor around them. A key that is absent or null has the reference's default, which stands
/// here.
struct SmolVlmProcessorConfig {
  bool do_resize = true;
  TargetSize size = {.longest_edge = 4 * 364};
  images::Filter resample = images::Filter::kLanczos;
  /// Not in the file: the Pillow below the reference. Transformers 5.17's figures were made with
  /// Pillow 12.3, 5.24's with 13.
  images::PassOrder pass_order = images::PassOrder::kPillow13;
  bool do_image_splitting = true;
  std::uint32_t tile_side = 364;  ///< max_image_size["longest_edge"]
  PixelSettings pixels;
  std::uint32_t image_seq_len = 169;  ///< image tokens a tile
  ImageTokens tokens;

  /// `processor`: processor_config.json; where it holds an "image_processor" table, that replaces
  /// `preprocessor`. `tokenizer`: tokenizer_config.json, asked only for other spellings of
  /// the tokens. Empty objects stand for missing files.
  /// Throws UsageError("E-PROCESSOR") naming the key, its value and what is accepted, for each
  /// setting that the reference refuses.
  static SmolVlmProcessorConfig from_json(const Json& preprocessor,
                                          const Json& processor = Json::object(),
                                          const Json& tokenizer = Json::object());
  /// Reads the three files of a checkpoint folder; nothing where there is neither
  /// preprocessor_config.json nor processor_config.json.
  /// Throws UsageError("E-PROCESSOR") naming file and key, or the files looked for when
  /// processor_config.json alone is there and holds no picture processor.
  static std::optional<SmolVlmProcessorConfig> load(const std::filesystem::path& folder);
};

/// How one picture becomes tiles, from its sides alone.
struct TilePlan {
  std::uint32_t rows = 0;  ///< crops down and across; both 0: the picture is one tile
  std::uint32_t cols = 0;
  std::uint32_t tiles = 1;         ///< rows * cols + 1 (the last is the whole picture), or 1
  std::uint32_t tile_side = 0;     ///< tiles are square
  std::uint64_t image_tokens = 0;  ///< image tokens in the prompt: tiles * image_seq_len
  /// Sides after each resize in turn; equal where a step is switched off.
  std::uint32_t resized_width = 0;
  std::uint32_t resized_height = 0;
  std::uint32_t canvas_width = 0;  ///< cut into tiles, or reduced to one
  std::uint32_t canvas_height = 0;
  /// Bytes that process() holds at its peak beside its input: 8-bit pictures and the result.
  std::uint64_t transient_bytes = 0;
  std::uint64_t pixel_bytes = 0;  ///< of the result: tiles * 3 * tile_side^2 * 4
};

/// Requires: both sides > 0.
/// Throws: InputError("E-IMG-ASPECT") if what is cut into tiles would have more than 2^31 pixels:
/// a strip a hundred million times longer than high, with do_resize off.
/// Source: Transformers 5.24, models/smolvlm/image_processing_pil_smolvlm.py,
/// get_resize_output_image_size, resize_for_vision_encoder and split_images.
TilePlan tiles_for(std::uint32_t width, std::uint32_t height, const SmolVlmProcessorConfig& config);

/// The settings with which this picture has at most `most` tiles (0: no limit): these, or with the
/// longest side reduced to as few tiles as that takes, or, where one row or column of tiles is
/// still too many, without splitting.
/// Throws: as tiles_for.
SmolVlmProcessorConfig within_tiles(const SmolVlmProcessorConfig& config,
                                    std::uint32_t width,
                                    std::uint32_t height,
                                    std::uint32_t most);

/// One picture, ready for the vision tower. Every tile is filled to its edge, so that the
/// reference's pixel_attention_mask of one picture is all ones; the empty tiles with which the
/// reference pads a batch of unequal pictures are not made.
/// Shapes: pixels [tiles, 3, tile_side, tile_side], row-major; crops row by row, then the whole.
struct ProcessedPicture {
  std::vector<float> pixels;
  std::uint32_t tiles = 0;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  std::uint32_t tile_height = 0;
  std::uint32_t tile_width = 0;
};

/// Memory: tiles_for(...).transient_bytes.
/// Throws: as tiles_for.
/// Thread: any; no shared state.
/// Source: Transformers 5.24, models/smolvlm/image_processing_pil_smolvlm.py, _preprocess.
ProcessedPicture process(const images::Image& image, const SmolVlmProcessorConfig& config);

/// What replaces one image token of the prompt: rows of crops, a blank line, the whole picture.
/// SmolVLMProcessor and Idefics3Processor write the same string.
/// Source: Transformers 5.24, models/smolvlm/processing_smolvlm.py, get_image_prompt_string.
std::string image_token_string(std::uint32_t rows,
                               std::uint32_t cols,
                               std::uint32_t image_seq_len,
                               const ImageTokens& tokens = {});

/// `prompt` with its n-th image token replaced by the string of the n-th picture.
/// Throws: InputError("E-PROMPT-IMAGES") with both numbers if the prompt has not exactly as many
/// image tokens as there are pictures.
std::string expand_image_tokens(std::string_view prompt,
                                std::span<const TilePlan> pictures,
                                const SmolVlmProcessorConfig& config);

}  // namespace headroom::models
