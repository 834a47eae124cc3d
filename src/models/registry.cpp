#include "models/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/errors.h"
#include "base/spelling.h"
#include "family_model.h"
#include "gemma3.h"
#include "internvl.h"
#include "llava.h"
#include "moondream.h"
#include "names.h"
#include "paligemma.h"
#include "phi3_v.h"
#include "qwen_vl.h"
#include "smolvlm.h"

namespace headroom::models {
namespace {

constexpr std::array<Family, 13> kFamilies = {{
    {"smolvlm", "SmolVLMProcessor", &open_smolvlm, &smolvlm_name},
    {"idefics3", "Idefics3Processor", &open_smolvlm, &smolvlm_name},
    {"llava", "LlavaProcessor", &open_llava, &llava_name},
    {"llava_next", "LlavaNextProcessor", &open_llava, &llava_name},
    {"phi3_v", "Phi3VProcessor", &open_phi3_v, &phi3_v_name},
    {"internvl", "InternVLProcessor", &open_internvl, &internvl_name},
    {"internvl_chat", "InternVLProcessor", &open_internvl_chat, &internvl_name},
    {"moondream1", "MoondreamProcessor", &open_moondream, &moondream_name},
    {"qwen2_vl", "Qwen2VLProcessor", &open_qwen_vl, &qwen_vl_name},
    {"qwen2_5_vl", "Qwen2_5_VLProcessor", &open_qwen_vl, &qwen_vl_name},
    {"qwen3_vl", "Qwen3VLProcessor", &open_qwen_vl, &qwen_vl_name},
    {"paligemma", "PaliGemmaProcessor", &open_paligemma, &transformers_name},
    {"gemma3", "Gemma3Processor", &open_gemma3, &transformers_name},
}};

/// What converters call a family beside its own name.
constexpr std::array<std::pair<std::string_view, std::string_view>, 1> kOtherNames = {{
    {"moondream2", "moondream1"},
}};

std::string_view own_name(std::string_view type) {
  for (const auto& [other, own] : kOtherNames) {
    if (type == other) {
      return own;
    }
  }
  return type;
}

const Family& family_of(const Json& config, const std::string& path) {
  const auto found = config.find("model_type");
  if (found == config.end() || !found->is_string()) {
    throw UsageError("E-MODEL-TYPE", fmt::format("{}: names no model_type", path));
  }
  const auto type = found->get<std::string>();
  std::vector<std::string> known;
  for (const Family& family : kFamilies) {
    if (family.model_type == own_name(type)) {
      return family;
    }
    known.emplace_back(family.model_type);
  }
  const std::string near = nearest(type, known);
  throw UsageError("E-MODEL-TYPE",
                   fmt::format("{}: model_type '{}' is not supported{}; supported: {}",
                               path,
                               type,
                               near.empty() ? "" : fmt::format("; did you mean '{}'?", near),
                               fmt::join(known, ", ")));
}

}  // namespace

ModelFolder ModelFolder::open(const std::filesystem::path& folder) {
  std::error_code failure;
  if (!std::filesystem::is_directory(folder, failure)) {
    throw UsageError("E-CHECKPOINT", fmt::format("{}: no such folder", folder.string()));
  }
  Json config = engine::read_checkpoint_json(folder / "config.json");
  // Said first: a model of another type need not have weights that are read here.
  family_of(config, (folder / "config.json").string());
  return {folder, std::move(config), engine::Checkpoint::open(folder)};
}

std::unique_ptr<VisionLanguageModel> Family::make(const ModelFolder& folder,
                                                  mx::Dtype dtype,
                                                  engine::Ops::Path path) const {
  using engine::Weights;
  const std::shared_ptr<const Architecture> architecture = open(folder);
  const engine::Quantisation quantisation = quantisation_of(folder);
  Weights shapes(folder.checkpoint, dtype, Weights::Mode::kCheck, rename, quantisation);
  FamilyModel(folder, *this, architecture, shapes, path, {});
  Weights weights(folder.checkpoint, dtype, Weights::Mode::kRead, rename, quantisation);
  std::vector<std::string> notices = architecture->notices;
  const auto& more = folder.checkpoint.notices();
  notices.insert(notices.end(), more.begin(), more.end());
  if (quantisation.any()) {
    notices.push_back(fmt::format("{}: weights of {} are unpacked to {} as they are read",
                                  folder.config_path(),
                                  engine::to_string(*quantisation.usual()),
                                  engine::dtype_name(dtype)));
  }
  return std::make_unique<FamilyModel>(
      folder, *this, architecture, weights, path, std::move(notices));
}

std::span<const Family> families() { return kFamilies; }

const Family& find_family(const ModelFolder& folder) {
  return family_of(folder.config, folder.config_path());
}

}  // namespace headroom::models
