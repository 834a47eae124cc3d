// One checkpoint under each of the published names gives the same answers.
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <functional>
#include <set>
#include <unordered_map>

#include "base/clock.h"
#include "engine/generate.h"
#include "models/verify.h"
#include "support/temporary_folder.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

namespace fs = std::filesystem;
using testing::tiny;

using Tensors = std::unordered_map<std::string, mx::array>;
using NewName = std::function<std::string(const std::string&)>;

std::string replaced(const std::string& name, const std::string& from, const std::string& to) {
  return name.starts_with(from) ? to + name.substr(from.size()) : name;
}

/// A copy of a tiny model's folder whose tensors have other names; `mlx`: and are as MLX writes
/// them.
void write(const fs::path& folder, const std::string& source, const NewName& name, bool mlx) {
  for (const auto& entry : fs::directory_iterator(tiny(source))) {
    if (entry.path().extension() == ".json") {
      fs::copy_file(entry.path(), folder / entry.path().filename());
    }
  }
  Tensors renamed;
  for (auto& [published, value] :
       mx::load_safetensors((tiny(source) / "model.safetensors").string()).first) {
    mx::array tensor = value;
    if (mlx && (published.ends_with("patch_embedding.weight") ||
                published.ends_with("patch_embeddings.projection.weight"))) {
      tensor = mx::contiguous(mx::transpose(tensor, {0, 2, 3, 1}));
    }
    if (mlx && published.ends_with("patch_embed.proj.weight")) {
      tensor = mx::contiguous(mx::transpose(tensor, {0, 2, 3, 4, 1}));
    }
    renamed.insert({name(published), tensor});
  }
  mx::save_safetensors(
      (folder / "model.safetensors").string(), renamed, {{"format", mlx ? "mlx" : "pt"}});
}

void expect_like_reference(const std::string& source, const NewName& name, bool mlx) {
  test::TemporaryFolder folder;
  write(folder.path(), source, name, mlx);
  const ModelFolder opened = ModelFolder::open(folder.path());
  const auto model = find_family(opened).make(opened, mx::float32, engine::Ops::Path::kBest);
  const SystemClock clock;
  const Verification result = verify(*model, tiny(source) / "golden.safetensors", clock);
  EXPECT_LT(result.max_logit_difference, 1e-4);
  EXPECT_EQ(result.tokens, result.expected_tokens);
}

std::string as_transformers_5(const std::string& name) {
  if (name.starts_with("language_model.lm_head.")) {
    return replaced(name, "language_model.", "");
  }
  return "model." + replaced(name, "language_model.model.", "language_model.");
}

std::string as_transformers_4(const std::string& name) {
  return replaced(name, "vision_tower.", "vision_tower.vision_model.");
}

constexpr std::array kGemma = {"paligemma", "paligemma2", "gemma3", "gemma3_two"};

TEST(Layouts, LlavaAsTransformers5NamesIt) {
  expect_like_reference("llava", as_transformers_5, false);
  expect_like_reference("llava_next", as_transformers_5, false);
}

TEST(Layouts, LlavaAsTransformers4NamesIt) {
  expect_like_reference("llava", as_transformers_4, false);
  expect_like_reference("llava_next", as_transformers_4, false);
}

TEST(Layouts, LlavaAsMlxWritesIt) {
  expect_like_reference("llava", as_transformers_4, true);
  expect_like_reference("llava_next", as_transformers_4, true);
}

TEST(Layouts, GemmaAsTransformers5NamesIt) {
  for (const char* name : kGemma) {
    expect_like_reference(name, as_transformers_5, false);
  }
}

TEST(Layouts, GemmaAsTransformers4AndMlxNameIt) {
  for (const char* name : kGemma) {
    expect_like_reference(name, as_transformers_4, false);
    expect_like_reference(name, as_transformers_4, true);
  }
}

TEST(Layouts, SmolVlmAsMlxWritesIt) {
  const auto as_mlx = [](const std::string& name) {
    if (name.starts_with("lm_head.")) {
      return "language_model." + name;
    }
    return replaced(replaced(name, "model.", ""), "text_model.", "language_model.");
  };
  expect_like_reference("smolvlm", as_mlx, true);
  expect_like_reference("idefics3", as_mlx, true);
}

/// Each matrix that can be packed, in the decoder and in the vision half, 4 bits in groups of 32;
/// the first layer's with 8 bits in groups of 64. Beside it the same unpacked.
void write_packed(const std::string& source,
                  const fs::path& packed_folder,
                  const fs::path& plain_folder) {
  fs::copy_file(tiny(source) / "config.json", plain_folder / "config.json");
  Json config = engine::read_checkpoint_json(tiny(source) / "config.json");
  config["quantization"] = {{"group_size", 32}, {"bits", 4}};
  Tensors packed;
  Tensors plain;
  for (auto& [name, tensor] :
       mx::load_safetensors((tiny(source) / "model.safetensors").string()).first) {
    if (!name.ends_with(".weight") || tensor.ndim() != 2 || tensor.shape(1) % 32 != 0) {
      packed.insert({name, tensor});
      plain.insert({name, tensor});
      continue;
    }
    const std::string module = name.substr(0, name.size() - 7);
    const bool other = module.find("layers.0.self_attn") != std::string::npos;
    const int bits = other ? 8 : 4;
    const int group = other ? 64 : 32;
    if (other) {
      config["quantization"][module] = {{"group_size", group}, {"bits", bits}};
    }
    const auto parts = mx::quantize(tensor, group, bits);
    packed.insert({name, parts[0]});
    packed.insert({module + ".scales", mx::astype(parts[1], mx::float16)});
    packed.insert({module + ".biases", mx::astype(parts[2], mx::float16)});
    const auto whole = [](const mx::array& x) {
      return mx::astype(mx::astype(x, mx::float16), mx::float32);
    };
    plain.insert({name, mx::dequantize(parts[0], whole(parts[1]), whole(parts[2]), group, bits)});
  }
  std::ofstream(packed_folder / "config.json") << dump_json(config);
  mx::save_safetensors((packed_folder / "model.safetensors").string(), packed);
  mx::save_safetensors((plain_folder / "model.safetensors").string(), plain);
}

void expect_packed_like_plain(const std::string& source) {
  SCOPED_TRACE(source);
  test::TemporaryFolder packed;
  test::TemporaryFolder plain;
  write_packed(source, packed.path(), plain.path());
  const auto logits_of = [&source](const fs::path& folder) {
    const ModelFolder opened = ModelFolder::open(folder);
    const auto model = find_family(opened).make(opened, mx::float32, engine::Ops::Path::kBest);
    const engine::TensorFile file(tiny(source) / "golden.safetensors");
    const engine::Guard guard;
    const GoldenPrompt prompt = read_golden_prompt(*model, file, guard);
    const SystemClock clock;
    const std::set<std::int32_t> none;
    return engine::Generator(*model, none, clock)
        .trace(prompt.tokens, &*prompt.features, 12, guard);
  };
  const auto ours = logits_of(packed.path());
  const auto theirs = logits_of(plain.path());
  EXPECT_EQ(ours.tokens, theirs.tokens);
  const mx::array off = mx::max(mx::abs(mx::subtract(ours.logits, theirs.logits)));
  EXPECT_LT(mx::array(off).item<float>(), 1e-4F);
}

TEST(Layouts, Phi3VAsMlxWritesIt) {
  expect_like_reference("phi3_v", [](const std::string& name) { return name; }, true);
}

TEST(Layouts, MoondreamAsMlxNamesIt) {
  const auto as_mlx = [](const std::string& published) {
    std::string name = replaced(published, "model.", "");
    if (name == "text.wte") {
      return std::string("text.model.embed_tokens.weight");
    }
    name = replaced(name, "text.blocks.", "text.model.layers.");
    name = replaced(name, "text.post_ln.", "text.model.post_ln.");
    return name.starts_with("vision.proj_mlp.") ? name
                                                : replaced(name, "vision.", "vision.encoder.");
  };
  expect_like_reference("moondream2", as_mlx, true);
}

TEST(Layouts, InternVlAsTransformers5NamesIt) {
  expect_like_reference("internvl", as_transformers_5, false);
}

TEST(Layouts, InternVlAsMlxWritesIt) {
  expect_like_reference("internvl", [](const std::string& name) { return name; }, true);
}

TEST(Layouts, PackedMatricesAnywhereAnswerAsTheUnpackedOnes) {
  for (const char* source : {"llava", "qwen2_vl", "qwen2_5_vl", "qwen3_vl"}) {
    expect_packed_like_plain(source);
  }
}

/// From "model.…" and "visual.…" beside it, as Qwen2-VL's and Qwen2.5-VL's first files are.
std::string qwen_as_transformers_5(const std::string& name) {
  return name.starts_with("visual.") ? "model." + name
                                     : replaced(name, "model.", "model.language_model.");
}

std::string qwen_as_mlx(const std::string& name) {
  const std::string plain = replaced(
      replaced(name, "model.language_model.", "language_model.model."), "model.visual.", "visual.");
  if (plain.starts_with("lm_head.")) {
    return "language_model." + plain;
  }
  return replaced(replaced(plain, "model.", "language_model.model."), "visual.", "vision_tower.");
}

TEST(Layouts, QwenAsTransformersNamesItSince452) {
  expect_like_reference("qwen2_vl", qwen_as_transformers_5, false);
  expect_like_reference("qwen2_5_vl", qwen_as_transformers_5, false);
}

TEST(Layouts, QwenAsMlxWritesIt) {
  expect_like_reference("qwen2_vl", qwen_as_mlx, true);
  expect_like_reference("qwen2_5_vl", qwen_as_mlx, true);
  expect_like_reference("qwen3_vl", qwen_as_mlx, true);
}

TEST(Layouts, WhatIsMissingOrTooManyIsListedTogether) {
  test::TemporaryFolder folder;
  write(
      folder.path(),
      "llava",
      [](const std::string& name) {
        return name.ends_with("norm1.weight") ? name + "_away" : name;
      },
      false);
  const ModelFolder opened = ModelFolder::open(folder.path());
  try {
    find_family(opened).make(opened, mx::float32, engine::Ops::Path::kBest);
    FAIL() << "loaded";
  } catch (const UsageError& error) {
    const std::string message = error.what();
    EXPECT_EQ(error.code(), "E-WEIGHTS");
    EXPECT_NE(message.find("missing"), std::string::npos) << message;
    EXPECT_NE(message.find("unexpected"), std::string::npos) << message;
    EXPECT_NE(message.find("layer_norm1.weight_away"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace headroom::models
