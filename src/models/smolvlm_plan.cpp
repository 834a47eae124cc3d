// What SmolVLM and Idefics3 hold in memory, from configuration, headers and picture sizes alone.
#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "smolvlm.h"
#include "smolvlm_model.h"

namespace headroom::models {
namespace {

/// Measured on Linux with OpenBLAS: pages of libraries that the first forward pass touches (6 MiB),
/// BLAS packing buffers (1 to 6 MiB, by the sizes of the products), what the heap keeps between
/// blocks in use.
constexpr Bytes kEngineGrowth = 11_MiB;
/// The tokenizer in memory, as a multiple of tokenizer.json.
constexpr std::uint64_t kTokenizerFactor = 8;
/// Queries of a block of the CPU kernels' attention, whose scores are held at once.
constexpr std::uint64_t kScoreRows = 128;
/// New tokens of a row from which on a pass counts as a prefill where kernels are chosen by them.
constexpr int kPrefillQueries = 64;

/// Sizes as unsigned 64-bit numbers, so that products do not overflow.
struct Sizes {
  explicit Sizes(const SmolVlmConfig& config, mx::Dtype wanted)
      : dtype(wanted),
        item(mx::size_of(wanted)),
        text_width(static_cast<std::uint64_t>(config.text.hidden_size)),
        text_inner(static_cast<std::uint64_t>(config.text.intermediate_size)),
        queries(static_cast<std::uint64_t>(config.text.heads) *
                static_cast<std::uint64_t>(config.text.head_dim)),
        keys(static_cast<std::uint64_t>(config.text.kv_heads) *
             static_cast<std::uint64_t>(config.text.head_dim)),
        vision_width(static_cast<std::uint64_t>(config.vision.hidden_size)),
        vision_inner(static_cast<std::uint64_t>(config.vision.intermediate_size)),
        vision_heads(static_cast<std::uint64_t>(config.vision.heads)),
        patch_pixels(static_cast<std::uint64_t>(config.vision.channels) *
                     static_cast<std::uint64_t>(config.vision.patch_size) *
                     static_cast<std::uint64_t>(config.vision.patch_size)) {}

  mx::Dtype dtype;
  std::uint64_t item;
  std::uint64_t text_width;
  std::uint64_t text_inner;
  std::uint64_t queries;
  std::uint64_t keys;
  std::uint64_t vision_width;
  std::uint64_t vision_inner;
  std::uint64_t vision_heads;
  std::uint64_t patch_pixels;
};

/// The arrays of half a layer are alive together; at the guards between halves only the residual
/// is (Guard::watch). The first half has the embeddings and the features beside it. The portable
/// path makes copies of queries, keys and values besides.
Bytes prefill_per_token(const Sizes& s, bool kernels) {
  const std::uint64_t attention = 5 * s.text_width + 2 * s.queries + 2 * s.keys;
  const std::uint64_t copies = kernels ? 0 : 3 * s.queries + 4 * s.keys;
  const std::uint64_t mlp = 3 * s.text_width + (kernels ? 3 : 5) * s.text_inner;
  return Bytes(std::max(attention + copies, mlp) * s.item);
}

engine::Heads text_heads(const SmolVlmConfig& config) {
  return {config.text.heads, config.text.kv_heads, config.text.head_dim, 1.0F};
}

/// Scores of all heads for one pair of tokens, where attention is not one kernel: MLX's CPU
/// operations hold them twice, its GPU operations once (measured on an H200).
std::uint64_t unfused_scores(std::uint64_t heads, std::uint64_t item) {
  return (engine::on_gpu() ? 1 : 2) * heads * item;
}

/// The CPU kernels hold one head's block of scores.
Bytes scores_per_token_pair(const Sizes& s, const SmolVlmConfig& config, bool kernels) {
  if (kernels) {
    return Bytes(sizeof(float));
  }
  if (engine::fused_attention(s.dtype, text_heads(config), kPrefillQueries, true)) {
    return Bytes();
  }
  return Bytes(unfused_scores(static_cast<std::uint64_t>(config.text.heads), s.item));
}

/// What a pass of `queries` new tokens a row copies of each cached token of each row for its query
/// heads, where attention is not one kernel: one layer's keys and values.
Bytes kv_repeated(const Sizes& s, const SmolVlmConfig& config, int queries, bool kernels) {
  const bool one_kernel =
      kernels || engine::fused_attention(s.dtype, text_heads(config), queries, true);
  return Bytes(one_kernel ? 0 : 2 * s.queries * s.item);
}

Bytes encode_transient(const Sizes& s,
                       const SmolVlmConfig& config,
                       const TilePlan& tiles,
                       bool kernels) {
  const engine::Heads heads{config.vision.heads,
                            config.vision.heads,
                            config.vision.hidden_size / config.vision.heads,
                            1.0F};
  const std::uint64_t grid = tiles.tile_side / static_cast<std::uint64_t>(config.vision.patch_size);
  const std::uint64_t patches = std::max<std::uint64_t>(grid * grid, 1);
  const std::uint64_t at_once = std::min<std::uint64_t>(
      tiles.tiles, std::max<std::uint64_t>(1, SmolVlmVision::kPatchesAtOnce / patches));
  const std::uint64_t embedding = 2 * s.patch_pixels + 3 * s.vision_width;
  const std::uint64_t attention = 7 * s.vision_width + (kernels ? 0 : 3 * s.vision_width);
  const std::uint64_t mlp = 3 * s.vision_width + (kernels ? 1 : 4) * s.vision_inner;
  std::uint64_t bytes = std::max({embedding, attention, mlp}) * patches * at_once * s.item;
  if (kernels) {
    bytes += std::min(kScoreRows, patches) * patches * sizeof(float);
  } else if (!engine::fused_attention(s.dtype, heads, static_cast<int>(patches), false)) {
    bytes += unfused_scores(s.vision_heads, s.item) * patches * patches * at_once;
  }
  return Bytes(bytes);
}

/// Positions of one picture in the prompt: its image tokens, a frame around each tile, a line end
/// for each row.
std::uint32_t prompt_tokens(const TilePlan& tiles) {
  const std::uint64_t frames =
      3 + (tiles.rows == 0 ? 0 : 2ULL * tiles.rows * tiles.cols + tiles.rows + 1);
  return static_cast<std::uint32_t>(tiles.image_tokens + frames);
}

memory::PictureCost picture_cost(const PictureSides& sides,
                                 const SmolVlmProcessorConfig& processor,
                                 std::uint32_t max_tiles,
                                 const SmolVlmConfig& config,
                                 const Sizes& sizes,
                                 bool kernels) {
  const TilePlan tiles = tiles_for(
      sides.width, sides.height, within_tiles(processor, sides.width, sides.height, max_tiles));
  memory::PictureCost cost;
  cost.width = sides.width;
  cost.height = sides.height;
  cost.tiles = tiles.tiles;
  cost.tokens = prompt_tokens(tiles);
  cost.decode = Bytes(std::uint64_t{sides.width} * sides.height * 3 + tiles.transient_bytes);
  cost.pixels = Bytes(tiles.pixel_bytes);
  cost.encode = encode_transient(sizes, config, tiles, kernels);
  cost.features = Bytes(tiles.image_tokens * sizes.text_width * sizes.item);
  return cost;
}

/// Bytes of a file, or 0.
std::uint64_t file_bytes(const std::filesystem::path& path) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(path, failure);
  return failure ? 0 : bytes;
}

/// What reading holds beside the weights: nothing where the stored dtype is the wanted one.
Bytes load_staging(const engine::Checkpoint& checkpoint, mx::Dtype dtype) {
  const std::string_view same = dtype == mx::float32    ? "F32"
                                : dtype == mx::bfloat16 ? "BF16"
                                                        : "F16";
  std::uint64_t largest = 0;
  for (const auto& [name, entry] : checkpoint.tensors()) {
    if (entry.tensor.dtype != same) {
      largest = std::max(largest, entry.tensor.bytes());
    }
  }
  return Bytes(std::min(largest, engine::Weights::kStaging));
}

}  // namespace

memory::Geometry plan_smolvlm(const ModelFolder& folder,
                              mx::Dtype dtype,
                              const std::vector<PictureSides>& pictures,
                              std::uint32_t max_tiles) {
  const SmolVlmConfig config = SmolVlmConfig::from_json(folder.config, folder.config_path());
  engine::Weights shapes(folder.checkpoint, dtype, engine::Weights::Mode::kCheck, smolvlm_name);
  const SmolVlm model(config, nullptr, folder.checkpoint, shapes, engine::Ops::Path::kBest, {});
  const bool kernels = model.in_place_cache();
  const Sizes sizes(config, dtype);
  memory::Geometry geometry;
  geometry.family = config.model_type;
  geometry.dtype = engine::dtype_name(dtype);
  geometry.parameters = model.parameters();
  geometry.weights = model.weight_bytes();
  geometry.vision_weights = model.vision_bytes();
  geometry.load_staging = load_staging(folder.checkpoint, dtype);
  geometry.context_tokens = static_cast<std::uint32_t>(model.context_tokens());
  geometry.engine_growth =
      kEngineGrowth + Bytes(file_bytes(folder.folder / "tokenizer.json") * kTokenizerFactor);
  engine::KvShape kv = model.kv_shape();
  geometry.kv_per_token = kv.per_token();
  kv.quantised = true;
  geometry.kv_per_token_quantised = kv.per_token();
  // The kernels read a quantised or shared cache where it lies; MLX's operations copy a layer's.
  const Bytes layer(kernels ? 0 : 2 * sizes.keys * sizes.item);
  geometry.kv_dequantised_per_token = layer;
  geometry.kv_copied_per_token = layer;
  geometry.kv_repeated_per_token = kv_repeated(sizes, config, kPrefillQueries, kernels);
  geometry.kv_repeated_decoding_per_token = kv_repeated(sizes, config, 1, kernels);
  geometry.kv_moved_per_token = Bytes(sizes.keys * sizes.item);
  geometry.prefill_per_token = prefill_per_token(sizes, kernels);
  geometry.scores_per_token_pair = scores_per_token_pair(sizes, config, kernels);
  geometry.score_tokens = kernels ? static_cast<std::uint32_t>(kScoreRows) : 0;
  geometry.logits_per_row = Bytes(static_cast<std::uint64_t>(config.text.vocabulary) *
                                  (sizeof(float) + (kernels ? 0 : sizes.item)));
  if (pictures.empty()) {
    return geometry;
  }
  const auto processor = load_smolvlm_processor(folder.folder);
  if (!processor) {
    throw UsageError("E-PROCESSOR",
                     fmt::format("{}: holds neither preprocessor_config.json nor "
                                 "processor_config.json, so pictures cannot be planned",
                                 folder.folder.string()));
  }
  for (const PictureSides& sides : pictures) {
    geometry.pictures.push_back(picture_cost(sides, *processor, max_tiles, config, sizes, kernels));
  }
  return geometry;
}

}  // namespace headroom::models
