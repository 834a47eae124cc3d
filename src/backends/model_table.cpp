#include "backends/model_table.h"

#include <algorithm>

namespace headroom::backends {

std::vector<ModelName> built_in_models() {
  return {
      {"phi35_vision", "mlx-community/Phi-3.5-vision-instruct-4bit", std::string(kBuiltIn)},
      {"llava_mlx", "mlx-community/llava-v1.6-mistral-7b-4bit", std::string(kBuiltIn)},
      {"smolvlm_v2_instruct",
       "mlx-community/SmolVLM2-500M-Video-Instruct-mlx",
       std::string(kBuiltIn)},
      {"smolvlm_instruct", "gguf:ggml-org/SmolVLM-500M-Instruct-GGUF", std::string(kBuiltIn)},
      {"moondream2", "vikhyatk/moondream2", std::string(kBuiltIn)},
  };
}

std::vector<ModelName> extended(std::vector<ModelName> table, const std::vector<ModelName>& added) {
  std::vector<std::string> taken;
  for (const ModelName& one : added) {
    if (std::find(taken.begin(), taken.end(), one.name) != taken.end()) {
      continue;
    }
    taken.push_back(one.name);
    const auto known = std::find_if(
        table.begin(), table.end(), [&](const ModelName& row) { return row.name == one.name; });
    if (known == table.end()) {
      table.push_back(one);
    } else {
      *known = one;
    }
  }
  return table;
}

const ModelName* find_model_name(const std::vector<ModelName>& table, const std::string& name) {
  const auto found = std::find_if(
      table.begin(), table.end(), [&](const ModelName& row) { return row.name == name; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace headroom::backends
