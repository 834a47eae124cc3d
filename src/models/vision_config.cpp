#include "vision_config.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace headroom::models {
namespace {

using engine::Activation;

constexpr std::array<std::pair<std::string_view, Activation>, 4> kActivations = {
    {{"gelu", Activation::kGelu},
     {"gelu_pytorch_tanh", Activation::kGeluTanh},
     {"quick_gelu", Activation::kQuickGelu},
     {"silu", Activation::kSilu}}};

const char* name_of(Activation activation) {
  for (const auto& [name, value] : kActivations) {
    if (value == activation) {
      return name.data();
    }
  }
  return "";
}

}  // namespace

Activation read_activation(ConfigTable& table, const char* key, const char* otherwise) {
  const std::string name = table.text_or(key, otherwise);
  for (const auto& [known, activation] : kActivations) {
    if (name == known) {
      return activation;
    }
  }
  table.fail(
      key,
      fmt::format("is \"{}\"; gelu, gelu_pytorch_tanh, quick_gelu and silu are supported", name));
}

engine::VisionConfig siglip_vision() {
  engine::VisionConfig vision;
  vision.hidden_size = 768;
  vision.intermediate_size = 3072;
  vision.layers = 12;
  vision.heads = 12;
  vision.image_size = 224;
  vision.patch_size = 16;
  return vision;
}

engine::VisionConfig clip_vision() {
  engine::VisionConfig vision = siglip_vision();
  vision.patch_size = 32;
  vision.norm_eps = 1e-5F;
  vision.activation = Activation::kQuickGelu;
  vision.class_token = true;
  vision.patch_bias = false;
  vision.pre_norm = true;
  return vision;
}

void check_grid(const ConfigTable& table, const char* key, const engine::VisionConfig& vision) {
  if (vision.grid() < 1 || vision.grid() > kMostPatches) {
    table.fail(key,
               fmt::format("is {}: {} patches in the {} pixels of a side; 1 to {} are supported",
                           vision.patch_size,
                           vision.grid(),
                           vision.image_size,
                           kMostPatches));
  }
}

void read_vision_config(ConfigTable table,
                        engine::VisionConfig& vision,
                        std::vector<std::string>& notices) {
  vision.hidden_size = table.size_or("hidden_size", vision.hidden_size, kMostWidth);
  vision.intermediate_size =
      table.size_or("intermediate_size", vision.intermediate_size, kMostWidth);
  vision.layers = table.size_or("num_hidden_layers", vision.layers, kMostLayers);
  vision.used = vision.layers;
  vision.heads = table.size_or("num_attention_heads", vision.heads, kMostHeads);
  vision.image_size = table.size_or("image_size", vision.image_size, kMostSide);
  vision.patch_size = table.size_or("patch_size", vision.patch_size, kMostSide);
  vision.norm_eps = table.number_or("layer_norm_eps", vision.norm_eps);
  table.only("num_channels", vision.channels);
  vision.activation = read_activation(table, "hidden_act", name_of(vision.activation));
  if (vision.hidden_size % vision.heads != 0) {
    table.fail(
        "hidden_size",
        fmt::format(
            "is {}, not a multiple of num_attention_heads {}", vision.hidden_size, vision.heads));
  }
  check_grid(table, "patch_size", vision);
  table.ignore({"model_type",
                "attention_dropout",
                "dropout",
                "initializer_factor",
                "initializer_range",
                "projection_dim",
                "vocab_size",
                "vision_use_head",
                "dtype",
                "torch_dtype",
                "max_image_size",
                "size",
                "tie_word_embeddings",
                "use_base_siglip",
                "output_attentions",
                "output_hidden_states",
                "return_dict",
                "transformers_version"});
  table.add_leftovers(notices);
}

int layers_for(const ConfigTable& table, const char* key, int index, int layers) {
  const int used = index < 0 ? layers + 1 + index : index;
  if (used < 1 || used > layers) {
    table.fail(key, fmt::format("is {}, and the vision tower has {} layers", index, layers));
  }
  return used;
}

engine::VisionConfig read_siglip(ConfigTable& table,
                                 const engine::VisionConfig& absent,
                                 std::vector<std::string>& notices) {
  if (!table.has("vision_config")) {
    return absent;
  }
  ConfigTable inner = table.table("vision_config");
  const std::string kind = inner.text_or("model_type", "siglip_vision_model");
  if (kind != "siglip_vision_model") {
    inner.fail("model_type", fmt::format("is \"{}\"; siglip_vision_model is supported", kind));
  }
  engine::VisionConfig vision = siglip_vision();
  read_vision_config(std::move(inner), vision, notices);
  return vision;
}

}  // namespace headroom::models
