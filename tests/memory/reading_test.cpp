#include "memory/reading.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "memory/geometry.h"

namespace headroom::memory {
namespace {

TEST(Reading, UnreadSensorsAreAbsentNotZero) {
  Reading reading;
  reading.active = Bytes();
  const Json json = to_json(reading);
  EXPECT_EQ(dump_json(json), R"({"active_bytes":0})");
  const Reading back = reading_from_json(json);
  EXPECT_EQ(back.active, Bytes());
  EXPECT_FALSE(back.cache.has_value());
}

TEST(Reading, SurvivesJson) {
  const Json json = Json::parse(R"({"time":"2026-01-02T03:04:05.678Z","active_bytes":1,
    "cache_bytes":2,"peak_bytes":3,"worker_footprint_bytes":4,"worker_footprint_peak_bytes":5,
    "supervisor_footprint_bytes":6,"system_available_bytes":7,"cgroup_used_bytes":8,
    "cgroup_limit_bytes":9,"device_used_bytes":10,"device_free_bytes":18446744073709551615})");
  EXPECT_EQ(to_json(reading_from_json(json)), json);
}

TEST(Reading, AcceptsTimesOfWholeSecondsAndUnknownKeys) {
  const Reading reading =
      reading_from_json(Json::parse(R"({"time":"2026-01-02T03:04:05Z","later":true})"));
  EXPECT_EQ(to_json(reading).at("time"), "2026-01-02T03:04:05.000Z");
}

TEST(Reading, NullIsASensorThatWasNotRead) {
  const Reading reading = reading_from_json(Json::parse(R"({"active_bytes":null,"time":null})"));
  EXPECT_FALSE(reading.active.has_value());
}

class BadReading : public ::testing::TestWithParam<const char*> {};

TEST_P(BadReading, IsNamed) {
  try {
    reading_from_json(Json::parse(GetParam()));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.code(), "E-CONTRACT");
    EXPECT_NE(std::string(error.what()).find("reading"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Texts,
                         BadReading,
                         ::testing::Values(R"([])",
                                           R"({"active_bytes":-1})",
                                           R"({"active_bytes":1.5})",
                                           R"({"active_bytes":"1"})",
                                           R"({"time":"yesterday"})",
                                           R"({"time":"2026-01-02T03:04:05"})",
                                           R"({"time":7})"));

TEST(Reading, TotalFootprintNeedsAtLeastOneProcess) {
  Reading reading;
  EXPECT_FALSE(total_footprint(reading).has_value());
  reading.worker_footprint = 3_MiB;
  EXPECT_EQ(total_footprint(reading), 3_MiB);
  reading.supervisor_footprint = 2_MiB;
  EXPECT_EQ(total_footprint(reading), 5_MiB);
}

TEST(Reading, MergingPrefersTheFirst) {
  Reading first;
  first.active = 1_MiB;
  Reading second;
  second.active = 9_MiB;
  second.cache = 2_MiB;
  const Reading both = merged(first, second);
  EXPECT_EQ(both.active, 1_MiB);
  EXPECT_EQ(both.cache, 2_MiB);
}

TEST(Geometry, SurvivesJson) {
  const Json json = Json::parse(R"({"family":"smolvlm","dtype":"float32","parameters":7500000,
    "weights_bytes":1,"vision_weights_bytes":12,"load_staging_bytes":2,"engine_bytes":3,"engine_growth_bytes":4,
    "kv_per_token_bytes":5,"kv_per_token_quantised_bytes":13,"kv_dequantised_per_token_bytes":14,
    "kv_copied_per_token_bytes":12,"kv_repeated_per_token_bytes":16,"kv_repeated_decoding_per_token_bytes":17,"kv_moved_per_token_bytes":15,"prefill_per_token_bytes":6,"scores_per_token_pair_bytes":7,"score_tokens":128,
    "logits_per_row_bytes":8,"context_tokens":2048,"pictures":[{"width":64,"height":48,"tiles":1,
    "tokens":16,"decode_bytes":9,"pixels_bytes":8,"encode_bytes":10,"features_bytes":11}]})");
  EXPECT_EQ(to_json(geometry_from_json(json)), json);
  Json plainer = json;
  plainer["shares_prefix"] = false;
  plainer["prefills_in_chunks"] = false;
  plainer["block_tokens"] = 256U;
  EXPECT_EQ(to_json(geometry_from_json(plainer)), plainer);
}

TEST(Geometry, APictureThatWaitsIsTakenToHoldWhatItsDecodingDidUnlessToldOtherwise) {
  const PictureCost cost = picture_cost_from_json(
      Json::parse(R"({"width":64,"height":48,"tiles":1,"tokens":16,"decode_bytes":9,
                      "encode_bytes":10,"features_bytes":11})"));
  EXPECT_EQ(cost.pixels, 9_B);
}

TEST(Geometry, AMissingKeyIsNamed) {
  try {
    geometry_from_json(Json::parse(R"({"family":"smolvlm","dtype":"float32","parameters":1})"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "geometry.weights_bytes: missing");
  }
}

TEST(Geometry, ANullIsMissing) {
  Json json = to_json(Geometry());
  json["weights_bytes"] = nullptr;
  try {
    geometry_from_json(json);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "geometry.weights_bytes: missing");
  }
}

TEST(Geometry, ACountBeyond32BitsIsNamed) {
  Json json = to_json(Geometry());
  json["context_tokens"] = 5'000'000'000U;
  EXPECT_THROW(geometry_from_json(json), InputError);
}

}  // namespace
}  // namespace headroom::memory
