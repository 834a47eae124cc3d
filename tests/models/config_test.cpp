#include <gtest/gtest.h>

#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"
#include "models/registry.h"
#include "models/smolvlm_config.h"
#include "support/temporary_folder.h"

namespace headroom::models {
namespace {

Json demo_config() {
  const std::string path = std::string(HEADROOM_SOURCE_DIR) + "/assets/demo/model/config.json";
  return parse_json(read_file(path), path);
}

std::string refusal(const Json& config) {
  try {
    SmolVlmConfig::from_json(config, "DIR/config.json");
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-CONFIG");
    return error.what();
  }
  return "was accepted";
}

TEST(SmolVlmConfigTest, ReadsTheDemo) {
  const SmolVlmConfig config = SmolVlmConfig::from_json(demo_config(), "config.json");
  EXPECT_EQ(config.text.layers, 6);
  EXPECT_EQ(config.text.kv_heads, 2);
  EXPECT_EQ(config.text.rope.theta, 100000.0F);
  EXPECT_EQ(config.vision.grid(), 8);
  EXPECT_EQ(config.image_token, 4);
  EXPECT_TRUE(config.text.tied_head);
  EXPECT_TRUE(config.notices.empty());
}

TEST(SmolVlmConfigTest, RopeThetaStandsInEitherPlace) {
  Json config = demo_config();
  config["text_config"].erase("rope_parameters");
  config["text_config"]["rope_theta"] = 273768.0;
  EXPECT_EQ(SmolVlmConfig::from_json(config, "c").text.rope.theta, 273768.0F);
  config["text_config"].erase("rope_theta");
  EXPECT_EQ(SmolVlmConfig::from_json(config, "c").text.rope.theta, 10000.0F);
}

TEST(SmolVlmConfigTest, AbsentVisionKeysHaveTheReferencesDefaults) {
  Json config = demo_config();
  config["vision_config"] = {
      {"image_size", 512}, {"patch_size", 16}, {"hidden_size", 768}, {"num_attention_heads", 12}};
  const SmolVlmConfig read = SmolVlmConfig::from_json(config, "c");
  EXPECT_EQ(read.vision.layers, 12);
  EXPECT_EQ(read.vision.intermediate_size, 3072);
}

TEST(SmolVlmConfigTest, UnusedKeysAreNamed) {
  Json config = demo_config();
  config["shiny"] = 1;
  config["text_config"]["glow"] = true;
  const auto notices = SmolVlmConfig::from_json(config, "config.json").notices;
  ASSERT_EQ(notices.size(), 2U);
  EXPECT_EQ(notices[0], "config.json: text_config: not used: glow");
  EXPECT_EQ(notices[1], "config.json: not used: shiny");
}

struct Refusal {
  std::string name;
  std::string pointer;
  Json value;  // null: the key is removed
  std::vector<std::string> contains;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

class RefusedConfig : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedConfig, NamesKeyAndValue) {
  Json config = demo_config();
  const Json::json_pointer pointer(GetParam().pointer);
  if (GetParam().value.is_null()) {
    config[pointer.parent_pointer()].erase(pointer.back());
  } else {
    config[pointer] = GetParam().value;
  }
  const std::string message = refusal(config);
  EXPECT_EQ(message.rfind("DIR/config.json: ", 0), 0U) << message;
  for (const std::string& words : GetParam().contains) {
    EXPECT_NE(message.find(words), std::string::npos) << words << " is not in: " << message;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    RefusedConfig,
    ::testing::Values(
        Refusal{"no_text_config", "/text_config", nullptr, {"text_config is missing"}},
        Refusal{"text_config_is_text", "/text_config", "llama", {"text_config", "not a table"}},
        Refusal{"no_hidden_size",
                "/text_config/hidden_size",
                nullptr,
                {"text_config", "hidden_size is missing"}},
        Refusal{"no_vocabulary", "/text_config/vocab_size", nullptr, {"vocab_size is missing"}},
        Refusal{
            "negative_layers", "/text_config/num_hidden_layers", -1, {"num_hidden_layers is -1"}},
        Refusal{"zero_heads", "/text_config/num_attention_heads", 0, {"num_attention_heads is 0"}},
        Refusal{"fractional_size", "/text_config/hidden_size", 2.5, {"hidden_size is 2.5"}},
        Refusal{"huge_size", "/text_config/hidden_size", 1e300, {"hidden_size"}},
        Refusal{"size_beyond_the_bound",
                "/text_config/hidden_size",
                (1 << 18) + 1,
                {"hidden_size is 262145", "262144"}},
        Refusal{"size_beyond_32_bits",
                "/text_config/vocab_size",
                std::uint64_t{1} << 63U,
                {"vocab_size is 9223372036854775808", "16777216"}},
        Refusal{"layers_beyond_the_bound",
                "/text_config/num_hidden_layers",
                4097,
                {"num_hidden_layers is 4097", "4096"}},
        Refusal{"more_heads_than_numbers",
                "/text_config",
                Json{{"hidden_size", 16},
                     {"intermediate_size", 32},
                     {"num_hidden_layers", 1},
                     {"num_attention_heads", 32},
                     {"vocab_size", 588}},
                {"head_dim is 0"}},
        Refusal{"patch_larger_than_the_tile",
                "/vision_config/patch_size",
                512,
                {"patch_size is 512", "0 patches"}},
        Refusal{"epsilon_beyond_float32",
                "/text_config/rms_norm_eps",
                1e-60,
                {"rms_norm_eps is 1e-60"}},
        Refusal{"text_for_a_size", "/text_config/hidden_size", "256", {"hidden_size is \"256\""}},
        Refusal{"heads_do_not_divide", "/text_config/num_key_value_heads", 3, {"4", "3"}},
        Refusal{"odd_head", "/text_config/head_dim", 63, {"head_dim is 63"}},
        Refusal{"other_activation",
                "/text_config/hidden_act",
                "gelu",
                {"hidden_act is \"gelu\"", "silu"}},
        Refusal{"other_decoder", "/text_config/model_type", "mistral", {"mistral", "llama"}},
        Refusal{"scaled_rope",
                "/text_config/rope_parameters/rope_type",
                "yarn",
                {"rope_type is \"yarn\"", "default"}},
        Refusal{"rope_of_another_scheme",
                "/text_config/rope_parameters/factor",
                8.0,
                {"rope_parameters", "factor"}},
        Refusal{"old_rope_scaling",
                "/text_config/rope_scaling",
                Json{{"type", "dynamic"}, {"factor", 2}},
                {"rope_scaling", "dynamic"}},
        Refusal{"query_norms", "/text_config/qk_layer_norms", true, {"qk_layer_norms is true"}},
        Refusal{"four_channels", "/vision_config/num_channels", 4, {"num_channels is 4"}},
        Refusal{"other_vision_activation", "/vision_config/hidden_act", "relu", {"relu"}},
        Refusal{
            "vision_heads_do_not_divide", "/vision_config/num_attention_heads", 5, {"192", "5"}},
        Refusal{"scale_does_not_divide", "/scale_factor", 3, {"scale_factor is 3", "8"}},
        Refusal{"image_token_outside", "/image_token_id", 588, {"image_token_id is 588"}},
        Refusal{"tied_is_text", "/tie_word_embeddings", "yes", {"tie_word_embeddings"}}),
    [](const auto& row) { return row.param.name; });

std::string type_refusal(const Json& config) {
  test::TemporaryFolder folder;
  const std::filesystem::path demo = std::string(HEADROOM_SOURCE_DIR) + "/assets/demo/model";
  std::filesystem::create_symlink(demo / "model.safetensors", folder / "model.safetensors");
  std::ofstream(folder / "config.json") << dump_json(config);
  try {
    find_family(ModelFolder::open(folder.path()));
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-MODEL-TYPE");
    return error.what();
  }
  return "was accepted";
}

TEST(Registry, UnknownModelTypeIsRefusedWithTheNearest) {
  Json config = demo_config();
  config["model_type"] = "smolvln";
  const std::string message = type_refusal(config);
  EXPECT_NE(message.find("'smolvln' is not supported"), std::string::npos) << message;
  EXPECT_NE(message.find("did you mean 'smolvlm'?"), std::string::npos) << message;
  EXPECT_NE(message.find("idefics3"), std::string::npos) << message;
}

TEST(Registry, ModelTypeFarFromAllIsRefusedWithTheList) {
  Json config = demo_config();
  config["model_type"] = "whisper";
  const std::string message = type_refusal(config);
  EXPECT_EQ(message.find("did you mean"), std::string::npos) << message;
  EXPECT_NE(message.find("supported: smolvlm"), std::string::npos) << message;
}

TEST(Registry, ConfigWithoutModelTypeIsRefused) {
  Json config = demo_config();
  config.erase("model_type");
  EXPECT_NE(type_refusal(config).find("names no model_type"), std::string::npos);
}

}  // namespace
}  // namespace headroom::models
