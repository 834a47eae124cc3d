// What a model holds in memory, from configuration, headers and picture sizes alone.
#include "family_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/errors.h"
#include "family_model.h"

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

std::uint64_t wide(int size) { return static_cast<std::uint64_t>(size); }

/// A decoder's sizes as unsigned 64-bit numbers, so that products do not overflow.
struct TextSizes {
  TextSizes(const engine::DecoderConfig& config, mx::Dtype dtype)
      : item(mx::size_of(dtype)),
        width(wide(config.hidden_size)),
        inner(wide(config.intermediate_size)),
        queries(wide(config.heads) * wide(config.head_dim)),
        keys(wide(config.kv_heads) * wide(config.head_dim)) {}

  std::uint64_t item;
  std::uint64_t width;
  std::uint64_t inner;
  std::uint64_t queries;
  std::uint64_t keys;
};

/// The arrays of half a layer are alive together; at the guards between halves only the residual
/// is (Guard::watch). With positions of several rows each token's angles stay for the whole pass.
/// The first half has the embeddings and the features beside it. The portable
/// path makes copies of queries, keys and values besides, and so does what is done head by head.
Bytes prefill_per_token(const TextSizes& s, const engine::DecoderConfig& text, bool kernels) {
  const std::uint64_t attention = 5 * s.width + 2 * s.queries + 2 * s.keys;
  const bool amplified = text.rope.kind == engine::RopeKind::kLongRope;
  const std::uint64_t copies =
      kernels ? 0 : 3 * s.queries + 4 * s.keys + (amplified ? s.queries + s.keys : 0);
  const std::uint64_t norms = text.head_norms ? s.queries + 2 * s.keys : 0;
  const std::uint64_t inner = (text.gated ? (kernels ? 3 : 5) : (kernels ? 1 : 4)) * s.inner;
  const std::uint64_t mlp = (text.parallel ? 4 : 3) * s.width + inner;
  const bool sections = text.rope.sections != std::array<int, 3>{0, 0, 0};
  const std::uint64_t turned = sections && !kernels ? 2 * (s.queries + s.keys) : 0;
  const std::uint64_t angles = sections ? (kernels ? 1 : 2) * wide(text.rope.dim) : 0;
  return Bytes(std::max(attention + copies + norms + turned, mlp) * s.item +
               angles * sizeof(float));
}

/// Scores of all heads for one pair of tokens, where attention is not one kernel: MLX's CPU
/// operations hold them twice, its GPU operations once (measured on an H200).
std::uint64_t unfused_scores(std::uint64_t heads, std::uint64_t item) {
  return (engine::on_gpu() ? 1 : 2) * heads * item;
}

/// The masks that MLX does not know by name, each as numbers and, while it is made, as booleans.
std::uint64_t masks(const engine::DecoderConfig& text, std::uint64_t item) {
  const bool windows =
      std::find(text.windowed.begin(), text.windowed.end(), true) != text.windowed.end();
  return ((text.blocks ? 1U : 0U) + (windows ? 1U : 0U)) * item +
         (text.blocks || windows ? 1U : 0U);
}

/// The CPU kernels hold one head's block of scores, and no mask.
Bytes scores_per_token_pair(const engine::DecoderConfig& text, const Computing& computing) {
  if (computing.kernels) {
    return Bytes(sizeof(float));
  }
  const std::uint64_t item = mx::size_of(computing.dtype);
  if (engine::fused_attention(computing.dtype, text.shape(), kPrefillQueries, true)) {
    return Bytes(masks(text, item));
  }
  return Bytes(masks(text, item) + unfused_scores(wide(text.heads), item));
}

/// What a pass of `queries` new tokens a row copies of each cached token of each row for its query
/// heads, where attention is not one kernel: one layer's keys and values.
Bytes kv_repeated(const TextSizes& s,
                  const engine::DecoderConfig& text,
                  const Computing& computing,
                  int queries) {
  const bool one_kernel =
      computing.kernels || engine::fused_attention(computing.dtype, text.shape(), queries, true);
  return Bytes(one_kernel ? 0 : 2 * s.queries * s.item);
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

void plan_text(memory::Geometry& geometry, const FamilyModel& model, const Computing& computing) {
  engine::KvShape kv = model.kv_shape();
  const engine::DecoderConfig& text = model.text();
  const TextSizes sizes(text, computing.dtype);
  const bool kernels = computing.kernels;
  geometry.context_tokens = static_cast<std::uint32_t>(text.context);
  geometry.kv_per_token = kv.per_token();
  kv.quantised = true;
  geometry.kv_per_token_quantised = kv.per_token();
  // The kernels read a quantised or shared cache where it lies; MLX's operations copy a layer's.
  const Bytes layer(kernels ? 0 : 2 * sizes.keys * sizes.item);
  geometry.kv_dequantised_per_token = layer;
  geometry.kv_copied_per_token = layer;
  geometry.kv_repeated_per_token = kv_repeated(sizes, text, computing, kPrefillQueries);
  geometry.kv_repeated_decoding_per_token = kv_repeated(sizes, text, computing, 1);
  geometry.kv_moved_per_token = Bytes(sizes.keys * sizes.item);
  geometry.prefill_per_token = prefill_per_token(sizes, text, kernels);
  geometry.scores_per_token_pair = scores_per_token_pair(text, computing);
  geometry.score_tokens = kernels ? static_cast<std::uint32_t>(kScoreRows) : 0;
  geometry.logits_per_row =
      Bytes(wide(text.vocabulary) * (sizeof(float) + (kernels ? 0 : sizes.item)));
}

}  // namespace

Bytes tower_transient(const engine::VisionConfig& config,
                      const Computing& computing,
                      std::uint64_t patches,
                      std::uint64_t at_once) {
  const bool kernels = computing.kernels;
  const std::uint64_t item = mx::size_of(computing.dtype);
  const std::uint64_t width = wide(config.hidden_size);
  const std::uint64_t inner = wide(config.intermediate_size);
  const std::uint64_t patch_pixels =
      wide(config.channels) * wide(config.patch_size) * wide(config.patch_size);
  const std::uint64_t tokens = patches + (config.class_token ? 1 : 0);
  const std::uint64_t embedding = 2 * patch_pixels + (config.class_token ? 4 : 3) * width;
  const std::uint64_t scaled = config.layer_scale ? 2 * width : 0;
  const std::uint64_t norms = config.qk_norm ? 3 * width : 0;
  const std::uint64_t attention = 7 * width + (kernels ? 0 : 3 * width) + scaled + norms;
  const std::uint64_t mlp = 3 * width + (kernels ? 1 : 4) * inner + scaled;
  std::uint64_t bytes = std::max({embedding, attention, mlp}) * tokens * at_once * item;
  if (kernels) {
    bytes += std::min(kScoreRows, tokens) * tokens * sizeof(float);
  } else if (!engine::fused_attention(
                 computing.dtype, config.shape(), static_cast<int>(tokens), false)) {
    bytes += unfused_scores(wide(config.heads), item) * tokens * tokens * at_once;
  }
  return Bytes(bytes);
}

std::uint64_t tiles_in_pass(std::uint64_t tiles, std::uint64_t patches) {
  const int at_once = engine::VisionTower::tiles_at_once(static_cast<int>(patches));
  return std::min(tiles, static_cast<std::uint64_t>(at_once));
}

Bytes projector_transient(const engine::VisionConfig& vision,
                          const engine::DecoderConfig& text,
                          const Computing& computing,
                          std::uint64_t rows) {
  const std::uint64_t hidden = (computing.kernels ? 2 : 4) * wide(text.hidden_size);
  return Bytes(rows * (wide(vision.hidden_size) + hidden) * mx::size_of(computing.dtype));
}

Bytes feature_bytes(const engine::DecoderConfig& text,
                    const Computing& computing,
                    std::uint64_t rows) {
  return Bytes(rows * wide(text.hidden_size) * mx::size_of(computing.dtype));
}

memory::Geometry Family::plan(const ModelFolder& folder,
                              mx::Dtype dtype,
                              const std::vector<PictureSides>& pictures,
                              std::uint32_t max_tiles) const {
  const std::shared_ptr<const Architecture> architecture = open(folder);
  const engine::Quantisation quantisation = quantisation_of(folder);
  engine::Weights shapes(
      folder.checkpoint, dtype, engine::Weights::Mode::kCheck, rename, quantisation);
  const FamilyModel model(folder, *this, architecture, shapes, engine::Ops::Path::kBest, {});
  const Computing computing{dtype, model.in_place_cache()};
  memory::Geometry geometry;
  geometry.family = model_type;
  geometry.dtype = engine::dtype_name(dtype);
  if (quantisation.any()) {
    geometry.dtype += fmt::format(", unpacked from {}", engine::to_string(*quantisation.usual()));
  }
  geometry.parameters = model.parameters();
  geometry.weights = model.weight_bytes();
  geometry.vision_weights = model.vision_bytes();
  geometry.load_staging = load_staging(folder.checkpoint, dtype);
  geometry.engine_growth =
      kEngineGrowth + Bytes(file_bytes(folder.folder / "tokenizer.json") * kTokenizerFactor);
  plan_text(geometry, model, computing);
  architecture->declare(geometry);
  if (!pictures.empty() && architecture->processor() == nullptr) {
    throw UsageError(
        "E-PROCESSOR",
        fmt::format("{}: holds neither preprocessor_config.json nor "
                    "processor_config.json, so pictures cannot be planned; fetch the model "
                    "again with its processor's files",
                    folder.folder.string()));
  }
  for (const PictureSides& sides : pictures) {
    memory::PictureCost cost = architecture->picture_cost(sides, max_tiles, computing);
    cost.width = sides.width;
    cost.height = sides.height;
    geometry.pictures.push_back(cost);
  }
  return geometry;
}

}  // namespace headroom::models
