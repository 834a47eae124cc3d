#include "server_identity.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace headroom::backends {
namespace {

TEST(ServerIdentity, ReadsLlamaCppServers) {
  const Json list = Json::parse(R"({
    "models":[{"name":"demo.gguf","capabilities":["completion","multimodal"]}],
    "data":[{"id":"demo.gguf","owned_by":"llamacpp","meta":{"n_ctx_train":8192,"n_params":7500000}}]})");
  ServerIdentity identity = identify(list, "", "http://a/v1");
  EXPECT_EQ(identity.model, "demo.gguf");
  EXPECT_EQ(identity.vision, true);
  add_props(identity, Json::parse(R"({"total_slots":2,"build_info":"b11434-abc",
    "default_generation_settings":{"n_ctx":2048},"modalities":{"vision":true,"audio":false}})"));
  EXPECT_EQ(identity.slots, 2U);
  EXPECT_EQ(identity.context_tokens, 2048U);
  EXPECT_EQ(identity.parameters, 7500000U);
  EXPECT_EQ(to_string(identity),
            "llama.cpp b11434-abc; model demo.gguf; takes pictures; context 2,048 tokens; 2 slots");
}

TEST(ServerIdentity, ReadsVllm) {
  const Json list = Json::parse(
      R"({"object":"list","data":[{"id":"x","owned_by":"vllm"},{"id":"org/m","owned_by":"vllm","max_model_len":4096}]})");
  ServerIdentity identity = identify(list, "org/m", "http://a/v1");
  add_version(identity, Json::parse(R"({"version":"0.11.0"})"));
  EXPECT_EQ(to_string(identity),
            "vLLM 0.11.0; model org/m (of 2); pictures: not told; context 4,096 tokens");
}

TEST(ServerIdentity, TakesNothingForGrantedOfAServerWithoutAList) {
  const ServerIdentity identity = identify(Json(), "m", "http://a/v1");
  EXPECT_EQ(identity.model, "m");
  EXPECT_FALSE(identity.vision.has_value());
  for (const char* odd : {"1", "[]", "{\"data\":1}", "{\"data\":[1,{\"id\":2}]}"}) {
    EXPECT_TRUE(identify(Json::parse(odd), "m", "http://a/v1").models.empty());
  }
}

TEST(ServerIdentity, RefusesAnotherModelAndNamesThoseThereAre) {
  const Json list = Json::parse(R"({"data":[{"id":"llava-7b"},{"id":"other"}]})");
  for (const char* wanted : {"lava-7b", ""}) {
    try {
      identify(list, wanted, "http://a/v1");
      FAIL();
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-SERVER-MODEL");
      EXPECT_NE(std::string(error.what()).find("llava-7b, other"), std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace headroom::backends
