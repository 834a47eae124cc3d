#include "run/specification.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "run_world.h"

namespace headroom::run {
namespace {

TEST(Specification, ComesBackFromJsonAsItWas) {
  Specification spec = test::spec_of();
  spec.models.front().files = {{"config.json", "00ff"}};
  spec.data = {
      "vqav2:data", "vqav2", "data", "/data", "/data/q.json,/a.json", {"question=Q"}, "/pictures"};
  spec.limit = ItemRange{101, 200};
  spec.test = TestKind::kContext;
  spec.turns = {{"Describe it.", "items"}, {"Any people?", ""}};
  spec.sample_ids = {"007", "ä"};
  spec.shuffle = true;
  spec.seed = 18446744073709551615ULL;
  spec.memory = "80%";
  spec.fail_under = 62.5;
  spec.command = {"headroom", "vqa"};
  spec.versions = {{"headroom", "0.1.0"}};
  spec.share_prefix = false;
  EXPECT_EQ(specification_from_json(to_json(spec)), spec);
}

TEST(Specification, RefusesAnotherMajorVersionNamingBoth) {
  Json json = to_json(test::spec_of());
  json["schema"] = "headroom.specification/2";
  try {
    specification_from_json(json);
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-SPEC");
    EXPECT_NE(std::string(error.what()).find("specification/2"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("specification/1"), std::string::npos);
  }
}

TEST(Specification, RefusesATestThatItDoesNotKnow) {
  Json json = to_json(test::spec_of());
  json["test"] = "dream";
  try {
    specification_from_json(json);
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-SPEC");
    EXPECT_NE(std::string(error.what()).find("'dream'"), std::string::npos) << error.what();
  }
}

TEST(Specification, RefusesMistypedKeysByName) {
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, Json>>{{"max_tokens", -1},
                                                 {"max_tokens", 1.5},
                                                 {"max_tokens", 4294967296},
                                                 {"shuffle", "yes"},
                                                 {"seed", "42"},
                                                 {"sample_ids", 3},
                                                 {"schema", 7}}) {
    Json json = to_json(test::spec_of());
    json[key] = value;
    try {
      specification_from_json(json);
      ADD_FAILURE() << key << " accepted " << value;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
}

TEST(Specification, ReadsRanges) {
  EXPECT_EQ(parse_range("20"), (ItemRange{1, 20}));
  EXPECT_EQ(parse_range("101-200"), (ItemRange{101, 200}));
  for (const char* text : {"", "0", "-3", "5-", "9-3", "1-2-3", "ten", "1.5", "+2"}) {
    EXPECT_THROW(parse_range(text), UsageError) << text;
  }
}

TEST(Specification, StoresNoSecrets) {
  EXPECT_EQ(without_secrets({"vqa",
                             "--api-key",
                             "abc",
                             "--api_key=abc",
                             "--hf-token",
                             "abc",
                             "--max-tokens",
                             "5",
                             "-m",
                             "https://me:pw@host/v1#x",
                             "--Authorization=Bearer x",
                             "--monkey",
                             "b"}),
            (std::vector<std::string>{"vqa",
                                      "--api-key",
                                      "***",
                                      "--api_key=***",
                                      "--hf-token",
                                      "***",
                                      "--max-tokens",
                                      "5",
                                      "-m",
                                      "https://***@host/v1#x",
                                      "--Authorization=***",
                                      "--monkey",
                                      "b"}));
}

}  // namespace
}  // namespace headroom::run
