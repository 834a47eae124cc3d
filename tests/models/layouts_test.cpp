// One checkpoint under each of the published names gives the same answers.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <unordered_map>

#include "base/clock.h"
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
    if (mlx && published.ends_with("patch_embedding.weight")) {
      tensor = mx::contiguous(mx::transpose(tensor, {0, 2, 3, 1}));
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
