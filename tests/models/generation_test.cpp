// Generation on the tiny checkpoints: stopped at every possible place, in 16 bits, against broken
// weights and records.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/errors.h"
#include "base/files.h"
#include "engine/counters.h"
#include "engine/generate.h"
#include "models/registry.h"
#include "models/verify.h"
#include "support/temporary_folder.h"

namespace headroom::models {
namespace {

namespace fs = std::filesystem;

fs::path tiny(const std::string& family) { return fs::path(HEADROOM_TEST_DATA) / "tiny" / family; }

std::unique_ptr<VisionLanguageModel> load(const fs::path& path,
                                          mx::Dtype dtype = mx::float32,
                                          engine::Ops::Path ops = engine::Ops::Path::kBest) {
  const ModelFolder folder = ModelFolder::open(path);
  return find_family(folder).make(folder, dtype, ops);
}

std::vector<engine::Sequence> two_questions() {
  std::vector<engine::Sequence> sequences(2);
  for (int i = 0; i < 20; ++i) {
    sequences[0].prompt.push_back({10 + i, -1});
    sequences[1].prompt.push_back({i < 9 ? 10 + i : 60 + i, -1});
  }
  sequences[0].max_tokens = 4;
  sequences[1].max_tokens = 6;
  return sequences;
}

std::vector<engine::Continuation> continued(const VisionLanguageModel& model,
                                            const std::vector<engine::Sequence>& sequences,
                                            const engine::GenerationLimits& limits,
                                            const engine::Guard& guard) {
  const SystemClock clock;
  const std::set<std::int32_t> none;
  std::vector<engine::Continuation> all(sequences.size());
  engine::Generator(model, none, clock)
      .run(sequences,
           nullptr,
           limits,
           guard,
           [&](std::size_t index, engine::Continuation&& continuation) {
             if (continuation.failure) {
               std::rethrow_exception(continuation.failure);
             }
             all[index] = std::move(continuation);
           });
  return all;
}

std::vector<std::vector<std::int32_t>> generate(const VisionLanguageModel& model,
                                                const engine::Guard& guard,
                                                bool quantised_kv = false) {
  const engine::GenerationLimits limits{.prefill_chunk = 6, .quantised_kv = quantised_kv};
  std::vector<std::vector<std::int32_t>> tokens;
  for (engine::Continuation& one : continued(model, two_questions(), limits, guard)) {
    tokens.push_back(std::move(one.tokens));
  }
  return tokens;
}

TEST(Embed, TokenOutsideOfTheVocabularyIsRefusedWithBothNumbers) {
  const auto model = load(tiny("smolvlm"));
  const std::int32_t count = model->vocabulary();
  const std::vector<engine::PromptToken> known = {{0, -1}, {count - 1, -1}};
  EXPECT_EQ(model->embed(known, nullptr).shape(0), 2);
  for (const std::int32_t id : {-1, count, 1'000'000'000}) {
    const std::vector<engine::PromptToken> tokens = {{0, -1}, {id, -1}};
    try {
      model->embed(tokens, nullptr);
      ADD_FAILURE() << id << " was embedded";
    } catch (const InputError& error) {
      EXPECT_EQ(error.code(), "E-PROMPT-TOKEN");
      EXPECT_NE(std::string(error.what()).find(std::to_string(id)), std::string::npos);
    }
  }
}

class EveryPath : public ::testing::TestWithParam<engine::Ops::Path> {};

void expect_stops_everywhere(const VisionLanguageModel& model, bool quantised_kv) {
  const auto whole = generate(model, engine::Guard(), quantised_kv);
  engine::clear_cache();
  const Bytes held = engine::allocator_counters().active;
  int places = 0;
  for (bool stopped = true; stopped; ++places) {
    ASSERT_LT(places, 1000);
    int checks = 0;
    engine::GuardLimits limits;
    limits.cancelled = [&] { return checks++ == places; };
    const engine::Guard guard(limits);
    stopped = false;
    try {
      EXPECT_EQ(generate(model, guard, quantised_kv), whole);
    } catch (const Cancelled&) {
      stopped = true;
    }
    engine::settle();
    EXPECT_EQ(engine::allocator_counters().active, held) << "stopped at check " << places;
    EXPECT_EQ(generate(model, engine::Guard(), quantised_kv), whole)
        << "after a stop at check " << places;
  }
  EXPECT_GT(places, 20) << "prefill and decode are watched between layers";
}

TEST_P(EveryPath, CancelledAtEachPlaceItRunsAgainAndHoldsNothing) {
  const auto model = load(tiny("smolvlm"), mx::float32, GetParam());
  expect_stops_everywhere(*model, false);
}

TEST_P(EveryPath, CancelledAtEachPlaceWithAQuantisedCacheItRunsAgainAndHoldsNothing) {
  const auto model = load(tiny("smolvlm"), mx::float32, GetParam());
  expect_stops_everywhere(*model, true);
}

/// The first token's log-probabilities of every sequence, over the whole vocabulary, by token.
std::vector<std::map<std::int32_t, double>> first_log_probs(const VisionLanguageModel& model,
                                                            engine::GenerationLimits limits) {
  auto sequences = two_questions();
  for (engine::Sequence& sequence : sequences) {
    sequence.top_log_probs = 1U << 20U;
  }
  std::vector<std::map<std::int32_t, double>> all;
  for (const engine::Continuation& one : continued(model, sequences, limits, engine::Guard())) {
    const auto& top = one.choices.front().top;
    all.emplace_back(top.begin(), top.end());
  }
  return all;
}

/// Largest difference of a log-probability, both questions.
double difference(const std::vector<std::map<std::int32_t, double>>& a,
                  const std::vector<std::map<std::int32_t, double>>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (const auto& [token, log_prob] : a[i]) {
      largest = std::max(largest, std::abs(log_prob - b[i].at(token)));
    }
  }
  return largest;
}

TEST_P(EveryPath, QuantisedCacheKeepsLogProbabilitiesNear) {
  const auto model = load(tiny("smolvlm"), mx::float32, GetParam());
  const auto whole = first_log_probs(*model, {});
  const auto quantised = first_log_probs(*model, {.quantised_kv = true});
  EXPECT_GT(difference(quantised, whole), 1e-6) << "nothing was quantised";
  EXPECT_LT(difference(quantised, whole), 0.05);
}

TEST_P(EveryPath, QuantisedCacheIsTheSameSharedChunkedAndAlone) {
  const auto model = load(tiny("smolvlm"), mx::float32, GetParam());
  const auto shared = first_log_probs(*model, {.quantised_kv = true});
  for (const engine::GenerationLimits limits :
       {engine::GenerationLimits{.share_prefix = false, .quantised_kv = true},
        engine::GenerationLimits{.prefill_chunk = 3, .quantised_kv = true},
        engine::GenerationLimits{.batch = 1, .quantised_kv = true}}) {
    EXPECT_LT(difference(first_log_probs(*model, limits), shared), 0.01);
  }
}

/// The answer to one prompt that may go on from `held`.
engine::Continuation next_turn(const VisionLanguageModel& model,
                               const engine::Sequence& sequence,
                               const engine::GenerationLimits& limits,
                               const engine::Guard& guard,
                               std::optional<engine::HeldCache>& held) {
  const SystemClock clock;
  const std::set<std::int32_t> none;
  engine::Continuation answer;
  engine::Generator(model, none, clock)
      .run(
          {sequence},
          nullptr,
          limits,
          guard,
          [&](std::size_t, engine::Continuation&& continuation) {
            answer = std::move(continuation);
          },
          held);
  return answer;
}

/// The next turn: the prompt, its answer, and three tokens more.
engine::Sequence followed(const engine::Sequence& sequence, const engine::Continuation& answer) {
  engine::Sequence next = sequence;
  for (const std::int32_t token : answer.tokens) {
    next.prompt.push_back({token, -1});
  }
  for (const std::int32_t token : {91, 92, 93}) {
    next.prompt.push_back({token, -1});
  }
  return next;
}

TEST_P(EveryPath, TurnGoesOnFromTheHeldCacheAsItWouldBeginAnew) {
  const auto model = load(tiny("smolvlm"), mx::float32, GetParam());
  for (const bool quantised : {false, true}) {
    for (const int chunk : {0, 3}) {
      const engine::GenerationLimits limits{
          .prefill_chunk = chunk, .quantised_kv = quantised, .hold = true};
      engine::Sequence sequence = two_questions().front();
      sequence.top_log_probs = 1U << 20U;
      std::optional<engine::HeldCache> held;
      engine::Continuation answer = next_turn(*model, sequence, limits, {}, held);
      for (int turn = 0; turn < 3; ++turn) {
        ASSERT_TRUE(held.has_value());
        sequence = followed(sequence, answer);
        answer = next_turn(*model, sequence, limits, {}, held);
        EXPECT_EQ(answer.prefilled, 4U) << "the answer's last token, and three more";
        std::optional<engine::HeldCache> none;
        const engine::Continuation cold = next_turn(*model, sequence, limits, {}, none);
        EXPECT_EQ(cold.prefilled, sequence.prompt.size());
        EXPECT_EQ(answer.tokens, cold.tokens);
        const auto& top = answer.choices.front().top;
        const auto& cold_top = cold.choices.front().top;
        const std::map<std::int32_t, double> reference(cold_top.begin(), cold_top.end());
        for (const auto& [token, log_prob] : top) {
          EXPECT_NEAR(log_prob, reference.at(token), quantised ? 0.01 : 1e-4);
        }
      }
    }
  }
}

TEST_P(EveryPath, TurnStoppedAtEachPlaceHoldsNothing) {
  const auto model = load(tiny("smolvlm"), mx::float32, GetParam());
  const engine::GenerationLimits limits{.prefill_chunk = 2, .hold = true};
  const engine::Sequence first = two_questions().front();
  std::optional<engine::HeldCache> held;
  const engine::Continuation answer = next_turn(*model, first, limits, {}, held);
  const engine::Sequence second = followed(first, answer);
  const auto whole = next_turn(*model, second, limits, {}, held).tokens;
  held.reset();
  engine::clear_cache();
  const Bytes weights = engine::allocator_counters().active;
  int places = 0;
  for (bool stopped = true; stopped; ++places) {
    ASSERT_LT(places, 1000);
    next_turn(*model, first, limits, {}, held);
    int checks = 0;
    engine::GuardLimits stops;
    stops.cancelled = [&] { return checks++ == places; };
    const engine::Guard guard(stops);
    stopped = false;
    try {
      EXPECT_EQ(next_turn(*model, second, limits, guard, held).tokens, whole);
    } catch (const Cancelled&) {
      stopped = true;
      EXPECT_FALSE(held.has_value());
      engine::settle();
      EXPECT_EQ(engine::allocator_counters().active, weights) << "stopped at check " << places;
    }
  }
  EXPECT_GT(places, 10);
}

INSTANTIATE_TEST_SUITE_P(Ops,
                         EveryPath,
                         ::testing::Values(engine::Ops::Path::kBest, engine::Ops::Path::kPortable),
                         [](const auto& row) {
                           return row.param == engine::Ops::Path::kBest ? "best" : "portable";
                         });

TEST(SixteenBits, StayNearTheReference) {
  const SystemClock clock;
  for (const mx::Dtype dtype : {mx::bfloat16, mx::float16}) {
    const auto model = load(tiny("smolvlm"), dtype);
    const Verification result = verify(*model, tiny("smolvlm") / "golden.safetensors", clock);
    EXPECT_LT(result.max_logit_difference, dtype == mx::bfloat16 ? 0.5 : 0.05);
    EXPECT_GT(result.max_logit_difference, 1e-5);
  }
}

/// A copy of a tiny checkpoint in which one tensor's bytes are replaced by `value`.
fs::path with_tensor_of(const test::TemporaryFolder& folder, const std::string& name, float value) {
  for (const auto& entry : fs::directory_iterator(tiny("smolvlm"))) {
    fs::copy_file(entry.path(), folder / entry.path().filename());
  }
  const fs::path file = folder / "model.safetensors";
  const auto header = engine::read_safetensors_header(file);
  const auto& tensor = header.tensors.at(name);
  std::string bytes = read_file(file);
  for (std::uint64_t at = tensor.begin; at < tensor.end; at += 4) {
    bytes.replace(header.data_start + at, 4, reinterpret_cast<const char*>(&value), 4);
  }
  std::ofstream(file, std::ios::binary) << bytes;
  return folder.path();
}

std::string failure_code(const VisionLanguageModel& model) {
  try {
    generate(model, engine::Guard());
  } catch (const engine::ModelError& error) {
    return error.code();
  }
  return "answered";
}

TEST(BrokenWeights, NotANumberAndAllZeroAreTheModelsFailureOnEveryPath) {
  for (const auto& [value, code] :
       {std::pair(std::nanf(""), "E-MODEL-NAN"), {0.0F, "E-MODEL-ZERO"}}) {
    test::TemporaryFolder folder;
    const auto broken = with_tensor_of(folder, "model.text_model.norm.weight", value);
    for (const mx::Dtype dtype : {mx::float32, mx::bfloat16}) {
      for (const auto path : {engine::Ops::Path::kBest, engine::Ops::Path::kPortable}) {
        EXPECT_EQ(failure_code(*load(broken, dtype, path)), code);
      }
    }
  }
}

/// A scale that is not a number must not be quantised away.
TEST(BrokenWeights, NotANumberInTheCacheIsTheModelsFailureWhenItIsQuantised) {
  test::TemporaryFolder folder;
  const auto broken =
      with_tensor_of(folder, "model.text_model.layers.0.self_attn.v_proj.weight", std::nanf(""));
  for (const auto path : {engine::Ops::Path::kBest, engine::Ops::Path::kPortable}) {
    const auto model = load(broken, mx::float32, path);
    try {
      generate(*model, engine::Guard(), true);
      ADD_FAILURE() << "answered";
    } catch (const engine::ModelError& error) {
      EXPECT_EQ(error.code(), "E-MODEL-NAN");
    }
  }
}

TEST(VisionTower, ReleasedGivesItsBytesBackAndReadAgainEncodesTheSame) {
  for (const auto path : {engine::Ops::Path::kBest, engine::Ops::Path::kPortable}) {
    engine::clear_cache();  // buffers that are used again may be larger than what is asked for
    const auto model = load(tiny("smolvlm"), mx::float32, path);
    const auto pixels = mx::load_safetensors((tiny("smolvlm") / "golden.safetensors").string())
                            .first.at("pixel_values");
    const engine::Guard guard;
    const auto encoded = [&] {
      const mx::array features = mx::contiguous(encode_pixels(*model, pixels, guard));
      mx::eval(features);
      return std::vector<float>(features.data<float>(), features.data<float>() + features.size());
    };
    const auto before = encoded();
    engine::clear_cache();
    const Bytes held = engine::allocator_counters().active;
    model->release_vision();
    engine::clear_cache();
    EXPECT_EQ(held - engine::allocator_counters().active, model->vision_bytes());
    EXPECT_GT(model->vision_bytes(), Bytes());
    EXPECT_LT(model->vision_bytes(), model->weight_bytes());
    EXPECT_THROW(encode_pixels(*model, pixels, guard), InternalError);
    model->hold_vision();
    model->hold_vision();
    EXPECT_EQ(engine::allocator_counters().active, held);
    EXPECT_EQ(encoded(), before);
  }
}

TEST(VisionTower, IsNotReadAgainFromWeightsThatChanged) {
  test::TemporaryFolder folder;
  for (const auto& entry : fs::directory_iterator(tiny("smolvlm"))) {
    fs::copy_file(entry.path(), folder / entry.path().filename());
  }
  const auto model = load(folder.path());
  model->release_vision();
  const fs::path file = folder / "model.safetensors";
  const auto code = [&] {
    try {
      model->hold_vision();
    } catch (const UsageError& error) {
      return error.code();
    }
    return std::string("held");
  };
  const auto written = fs::last_write_time(file);
  fs::last_write_time(file, written + std::chrono::hours(1));
  EXPECT_EQ(code(), "E-WEIGHTS-FILE");
  fs::rename(file, folder / "away");
  EXPECT_EQ(code(), "E-WEIGHTS-FILE");
  fs::rename(folder / "away", file);
  fs::last_write_time(file, written);
  EXPECT_EQ(code(), "held");
}

/// The golden with the model's own intermediate results beside it, one of them moved by `shift`.
void record_taps(VisionLanguageModel& model,
                 const fs::path& path,
                 const std::string& moved,
                 float shift) {
  auto tensors = mx::load_safetensors((tiny("smolvlm") / "golden.safetensors").string()).first;
  model.tap = [&](const std::string& name, const mx::array& value) {
    if (!tensors.contains(name)) {
      tensors.insert_or_assign(name, mx::add(value, mx::array(name == moved ? shift : 0.0F)));
      mx::eval(tensors.at(name));
    }
  };
  const engine::Guard guard;
  mx::eval(encode_pixels(model, tensors.at("pixel_values"), guard));
  model.tap = nullptr;
  mx::save_safetensors(path.string(), tensors);
}

TEST(Verify, NamesTheFirstIntermediateResultThatDiffers) {
  const SystemClock clock;
  const auto model = load(tiny("smolvlm"));
  test::TemporaryFolder folder;
  record_taps(*model, folder / "same.safetensors", "", 0);
  const Verification same = verify(*model, folder / "same.safetensors", clock);
  EXPECT_EQ(same.first_different_tap, "");
  EXPECT_LT(same.tap_difference, 1e-5);
  record_taps(*model, folder / "moved.safetensors", "vision.1", 0.25F);
  const Verification moved = verify(*model, folder / "moved.safetensors", clock);
  EXPECT_EQ(moved.first_different_tap, "vision.1");
  EXPECT_NEAR(moved.tap_difference, 0.25, 1e-4);
  EXPECT_LT(moved.max_logit_difference, 1e-4);
}

TEST(Verify, RecordOfAnotherModelIsRefused) {
  const SystemClock clock;
  const fs::path demo = fs::path(HEADROOM_SOURCE_DIR) / "assets/demo/model";
  const auto model = load(demo);
  EXPECT_THROW(verify(*model, tiny("smolvlm") / "golden.safetensors", clock), Error);
}

TEST(Verify, FileThatIsNoRecordIsRefused) {
  const SystemClock clock;
  const auto model = load(tiny("smolvlm"));
  EXPECT_THROW(verify(*model, tiny("smolvlm") / "model.safetensors", clock), InputError);
  EXPECT_THROW(verify(*model, tiny("smolvlm") / "config.json", clock), InputError);
}

}  // namespace
}  // namespace headroom::models
