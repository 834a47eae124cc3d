#include "gguf_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/errors.h"

namespace headroom::backends {

namespace {

constexpr std::uint32_t kMostLayers = 4096;
constexpr std::uint32_t kMostHeads = 4096;
constexpr std::uint32_t kMostWidth = 1U << 20U;
constexpr std::uint32_t kMostSide = 1U << 16U;
constexpr std::uint64_t kHalf = 2;    // bytes
constexpr std::uint64_t kSingle = 4;  // bytes

/// Threads, connections of both ends and the tokeniser's tables beside the vocabulary; measured
/// over b11549 with models of 588 and 49,280 tokens.
constexpr Bytes kServing = 10_MiB;
constexpr std::uint64_t kVocabularyEntry = 160;  // bytes

/// Reads figures, and says which is missing.
class Figures {
 public:
  Figures(const GgufHeader& header, std::string prefix, const std::string& name)
      : header_(header), prefix_(std::move(prefix)), name_(name) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& why) const {
    throw UsageError("E-GGUF", fmt::format("{}: {}.{} {}", name_, prefix_, key, why));
  }

  std::uint32_t of(const std::string& key, std::uint32_t most) const {
    const auto value = header_.count(prefix_ + "." + key);
    if (!value || *value == 0) {
      refuse(key, "is missing; without it there is no plan");
    }
    return checked(key, *value, most);
  }

  std::uint32_t or_else(const std::string& key, std::uint32_t preset, std::uint32_t most) const {
    const auto value = header_.count(prefix_ + "." + key);
    return value && *value > 0 ? checked(key, *value, most) : preset;
  }

  /// One figure for all layers, or one for each.
  std::vector<std::uint32_t> by_layer(const std::string& key,
                                      std::uint32_t layers,
                                      std::uint32_t preset) const {
    const GgufList* const list = header_.list(prefix_ + "." + key);
    if (list == nullptr) {
      return std::vector<std::uint32_t>(layers, or_else(key, preset, kMostHeads));
    }
    std::vector<std::uint32_t> values;
    for (const std::int64_t value : list->whole) {
      if (value < 0) {
        refuse(key, fmt::format("holds {}", value));
      }
      values.push_back(checked(
          key, static_cast<std::uint32_t>(std::min<std::int64_t>(value, kMostWidth)), kMostHeads));
    }
    if (values.size() < layers) {
      refuse(key, fmt::format("has {} figures for {} layers", values.size(), layers));
    }
    values.resize(layers);
    return values;
  }

 private:
  std::uint32_t checked(const std::string& key, std::uint32_t value, std::uint32_t most) const {
    if (value > most) {
      refuse(key, fmt::format("is {}, which is above {}: no such model is known", value, most));
    }
    return value;
  }

  const GgufHeader& header_;
  std::string prefix_;
  const std::string& name_;
};

std::uint64_t feed_forward_of(const Figures& figures) {
  const std::uint64_t dense = figures.or_else("feed_forward_length", 0, kMostWidth);
  const std::uint64_t experts = figures.or_else("expert_used_count", 0, kMostHeads);
  const std::uint64_t one = figures.or_else("expert_feed_forward_length", 0, kMostWidth);
  const std::uint64_t shared = figures.or_else("expert_shared_feed_forward_length", 0, kMostWidth);
  return std::max(dense, std::max(one, one == 0 ? dense : one) * experts + shared);
}

std::uint32_t vocabulary_of(const GgufHeader& header, const Figures& figures) {
  const GgufList* const tokens = header.list("tokenizer.ggml.tokens");
  const std::uint64_t listed = tokens == nullptr ? 0 : tokens->length;
  return std::max(figures.or_else("vocab_size", 0, 1U << 26U),
                  static_cast<std::uint32_t>(std::min<std::uint64_t>(listed, 1U << 26U)));
}

/// How many pictures a projector makes of one.
enum class Cutting { kNone, kTiles, kOwnSize };

struct Projector {
  std::string_view name;
  Cutting cutting;
  std::uint32_t most_tiles;  ///< with the overview, where sides do not say
};

/// Others are taken to go by the picture's own size, which is never less.
constexpr std::array kProjectors{
    Projector{"mlp", Cutting::kTiles, 5},
    Projector{"mlp_norm", Cutting::kTiles, 5},
    Projector{"ldp", Cutting::kNone, 1},
    Projector{"ldpv2", Cutting::kNone, 1},
    Projector{"adapter", Cutting::kNone, 1},
    Projector{"gemma3", Cutting::kNone, 1},
    Projector{"idefics3", Cutting::kTiles, 0},
    Projector{"resampler", Cutting::kTiles, 10},
    Projector{"internvl", Cutting::kTiles, 13},
    Projector{"llama4", Cutting::kTiles, 17},
};

constexpr std::uint64_t kMostOwnTokens = 4096;
constexpr std::uint32_t kMostTilesAlong = 64;
/// Marks around a tile or a row of tiles.
constexpr std::uint64_t kMarks = 4;

std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

std::uint32_t tiles_of(const GgufVision& vision,
                       const worker::PictureSize& size,
                       const Projector& projector) {
  if (projector.cutting == Cutting::kNone) {
    return 1;
  }
  if (projector.most_tiles != 0 || vision.longest == 0) {
    return std::max(projector.most_tiles, 1U);
  }
  // The longest side becomes `longest` (never more than that many tiles a side), the other follows.
  const std::uint64_t side = std::max<std::uint64_t>({size.width, size.height, 1});
  const auto along = [&](std::uint64_t length) {
    return ceil_div(std::max<std::uint64_t>(length * vision.longest / side, 1), vision.image_size);
  };
  return static_cast<std::uint32_t>(along(size.width) * along(size.height) + 1);
}

GgufPicture by_own_size(const GgufVision& vision,
                        const worker::PictureSize& size,
                        std::uint32_t image_tokens) {
  const std::uint64_t token = std::uint64_t{vision.patch} * vision.merge;
  const std::uint64_t own =
      ceil_div(std::max(size.width, 1U), token) * ceil_div(std::max(size.height, 1U), token);
  const std::uint64_t square =
      ceil_div(vision.image_size, token) * ceil_div(vision.image_size, token);
  // Small ones are scaled up to a least size, which is not in the header.
  const std::uint64_t tokens =
      image_tokens != 0 ? image_tokens
                        : std::max(std::min(own, kMostOwnTokens), std::min(square, kMostOwnTokens));
  return {tokens + kMarks, tokens * vision.merge * vision.merge, 1};
}

/// Buffers of one pass over kPassTokens new tokens: what is alive at once in the widest layer, its
/// input as the weights' type wants it, the mask of one slot, and the rows of the vocabulary.
Bytes pass_buffers(const GgufText& text, const ServerSizes& sizes) {
  const std::uint64_t numbers =
      3 * text.feed_forward + 4 * std::uint64_t{text.embedding} + text.attention;
  const std::uint64_t converted =
      std::max<std::uint64_t>(text.feed_forward, text.embedding) * kHalf;
  const std::uint64_t mask = std::uint64_t{sizes.context_tokens} * (kSingle + kHalf);
  const std::uint64_t rows = std::uint64_t{sizes.slots} * text.vocabulary * kSingle * 2;
  return Bytes((numbers * kSingle + converted + mask) * kPassTokens + rows);
}

/// Buffers of encoding one tile, and the picture before and after it.
Bytes vision_buffers(const GgufVision& vision,
                     const GgufText& text,
                     const GgufPicture& picture,
                     const worker::PictureSize& size) {
  const std::uint64_t numbers = 2 * std::uint64_t{vision.feed_forward} +
                                6 * std::uint64_t{vision.embedding} +
                                3 * std::uint64_t{vision.patch} * vision.patch;
  const std::uint64_t pixels = std::uint64_t{size.width} * size.height * 3;
  const std::uint64_t processed =
      picture.patches * vision.patch * vision.patch * 3 * picture.tiles * kSingle;
  const std::uint64_t embedded = picture.tokens * text.embedding * kSingle;
  // As it came (base64, a document around it), decoded, and the copy that is scaled.
  return Bytes(picture.patches * numbers * kSingle + 4 * pixels + processed + embedded);
}

}  // namespace

GgufText gguf_text(const GgufHeader& header, const std::string& name) {
  GgufText text;
  text.architecture = header.text("general.architecture").value_or("");
  if (text.architecture == "clip" || header.text("general.type").value_or("") == "mmproj") {
    throw UsageError(
        "E-GGUF",
        fmt::format("{}: a vision part (mmproj), not a model; name the model's file, and "
                    "this one behind +mmproj=",
                    name));
  }
  if (text.architecture.empty()) {
    throw UsageError("E-GGUF", fmt::format("{}: general.architecture is missing", name));
  }
  const Figures figures(header, text.architecture, name);
  const std::uint32_t layers = figures.of("block_count", kMostLayers);
  text.embedding = figures.of("embedding_length", kMostWidth);
  text.context_tokens = figures.of("context_length", 1U << 30U);
  const std::vector<std::uint32_t> heads = figures.by_layer("attention.head_count", layers, 1);
  const std::uint32_t most_heads = std::max(*std::max_element(heads.begin(), heads.end()), 1U);
  const std::vector<std::uint32_t> kv_heads =
      figures.by_layer("attention.head_count_kv", layers, most_heads);
  const std::uint32_t head = std::max(text.embedding / most_heads, 1U);
  const std::uint64_t key = figures.or_else("attention.key_length", head, kMostSide);
  const std::uint64_t value = figures.or_else("attention.value_length", head, kMostSide);
  const std::uint64_t all_kv = std::accumulate(kv_heads.begin(), kv_heads.end(), std::uint64_t{0});
  text.kv_per_token = Bytes(all_kv * (key + value) * kHalf);
  if (text.kv_per_token > 1_GiB) {
    throw UsageError("E-GGUF",
                     fmt::format("{}: {} of KV cache for a token: no such model is known",
                                 name,
                                 to_string(text.kv_per_token)));
  }
  const std::uint64_t most_kv = *std::max_element(kv_heads.begin(), kv_heads.end());
  text.attention = 2 * most_heads * key + most_kv * (key + value);
  text.feed_forward = feed_forward_of(figures);
  text.vocabulary = vocabulary_of(header, figures);
  text.type = header.main_type();
  text.parameters = header.parameters();
  text.weights = header.weights();
  return text;
}

GgufVision gguf_vision(const GgufHeader& header, const std::string& name) {
  if (header.text("general.architecture").value_or("") != "clip" ||
      !header.count("clip.has_vision_encoder").value_or(0)) {
    throw UsageError("E-GGUF",
                     fmt::format("{}: not a vision part (mmproj): its architecture is {}",
                                 name,
                                 header.text("general.architecture").value_or("not told")));
  }
  const Figures figures(header, "clip.vision", name);
  GgufVision vision;
  vision.projector = header.text("clip.projector_type")
                         .value_or(header.text("clip.vision.projector_type").value_or("mlp"));
  vision.image_size = figures.of("image_size", kMostSide);
  vision.patch = figures.of("patch_size", kMostSide);
  vision.embedding = figures.of("embedding_length", kMostWidth);
  vision.feed_forward =
      figures.or_else("feed_forward_length", 4 * vision.embedding, 4 * kMostWidth);
  vision.merge =
      figures.or_else("projector.scale_factor", figures.or_else("spatial_merge_size", 1, 64), 64);
  vision.longest = figures.or_else("preproc_image_size", 0, kMostSide);
  if (vision.image_size < vision.patch || vision.longest / vision.image_size > kMostTilesAlong) {
    throw UsageError(
        "E-GGUF",
        fmt::format("{}: its vision part has tiles of {} pixels, patches of {} and pictures of {}, "
                    "which do not go together",
                    name,
                    vision.image_size,
                    vision.patch,
                    vision.longest));
  }
  vision.parameters = header.parameters();
  vision.weights = header.weights();
  return vision;
}

GgufPicture gguf_picture(const GgufVision& vision,
                         const worker::PictureSize& size,
                         std::uint32_t image_tokens) {
  const auto* const known =
      std::find_if(kProjectors.begin(), kProjectors.end(), [&](const Projector& projector) {
        return projector.name == vision.projector;
      });
  if (known == kProjectors.end()) {
    return by_own_size(vision, size, image_tokens);
  }
  const std::uint64_t side = ceil_div(vision.image_size, vision.patch);
  const std::uint64_t token_side = ceil_div(side, vision.merge);
  const std::uint32_t tiles = tiles_of(vision, size, *known);
  return {tiles * (token_side * token_side + kMarks), side * side, tiles};
}

memory::Geometry gguf_geometry(const GgufModel& model,
                               const ServerSizes& sizes,
                               Bytes engine,
                               const std::vector<worker::PictureSize>& pictures) {
  const GgufText& text = model.text;
  memory::Geometry geometry;
  geometry.family = text.architecture;
  geometry.dtype = text.type;
  geometry.parameters = text.parameters;
  geometry.weights = text.weights;
  geometry.engine = engine;
  geometry.engine_growth = kServing + Bytes(text.vocabulary * kVocabularyEntry);
  geometry.context_tokens = sizes.context_tokens;
  geometry.shares_prefix = false;  // as the server does, which is not ours to choose
  geometry.prefills_in_chunks = false;
  geometry.reserved.slots = sizes.slots;
  geometry.reserved.kv = text.kv_per_token * (std::uint64_t{sizes.context_tokens} * sizes.slots);
  geometry.reserved.compute = pass_buffers(text, sizes);
  if (model.vision) {
    geometry.parameters += model.vision->parameters;
    geometry.weights += model.vision->weights;
  }
  for (const worker::PictureSize& size : pictures) {
    memory::PictureCost cost;
    cost.width = size.width;
    cost.height = size.height;
    if (model.vision) {
      const GgufPicture picture = gguf_picture(*model.vision, size, model.image_tokens);
      cost.tiles = picture.tiles;
      cost.tokens =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(picture.tokens, kMostContext));
      cost.encode = vision_buffers(*model.vision, text, picture, size);
      geometry.reserved.vision = std::max(geometry.reserved.vision, cost.encode);
    }
    geometry.pictures.push_back(cost);
  }
  return geometry;
}

}  // namespace headroom::backends
