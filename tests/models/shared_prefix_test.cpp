// Answers about pictures, of every family: shared, batched and in chunks as alone.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "base/clock.h"
#include "base/errors.h"
#include "engine/counters.h"
#include "engine/evaluate.h"
#include "engine/generate.h"
#include "engine/tensor_file.h"
#include "models/verify.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

using testing::load_tiny;
using testing::tiny;

/// Three questions about the golden's picture: its prompt, and two that end otherwise.
struct Group {
  std::vector<engine::Sequence> sequences;
  std::optional<mx::array> features;
};

Group group_of(VisionLanguageModel& model, const std::string& name) {
  const engine::TensorFile file(tiny(name) / "golden.safetensors");
  GoldenPrompt golden = read_golden_prompt(model, file, engine::Guard());
  Group group;
  group.features = std::move(golden.features);
  for (int i = 0; i < 3; ++i) {
    engine::Sequence sequence;
    sequence.prompt = golden.tokens;
    const std::size_t length = sequence.prompt.size();
    if (i > 0) {
      sequence.prompt[length - 3].id = 20 + i;
      sequence.prompt[length - 1].id = 40 + i;
    }
    for (int more = 0; more < 2 * i; ++more) {
      sequence.prompt.push_back(engine::following(sequence.prompt.back(), 60 + more));
    }
    std::vector<const PreparedPicture*> pictures;
    for (const auto& picture : golden.pictures) {
      pictures.push_back(picture.get());
    }
    model.place(sequence.prompt, pictures);
    sequence.max_tokens = 5;
    sequence.top_log_probs = 1U << 20U;
    group.sequences.push_back(std::move(sequence));
  }
  return group;
}

std::vector<engine::Continuation> answers(const VisionLanguageModel& model,
                                          const Group& group,
                                          const engine::GenerationLimits& limits,
                                          const engine::Guard& guard = engine::Guard()) {
  const SystemClock clock;
  const std::set<std::int32_t> none;
  std::vector<engine::Continuation> all(group.sequences.size());
  engine::Generator(model, none, clock)
      .run(group.sequences,
           &*group.features,
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

void expect_same(const std::vector<engine::Continuation>& ours,
                 const std::vector<engine::Continuation>& cold) {
  for (std::size_t i = 0; i < cold.size(); ++i) {
    EXPECT_EQ(ours[i].tokens, cold[i].tokens) << "question " << i;
    for (std::size_t step = 0; step < cold[i].choices.size(); ++step) {
      const auto& top = cold[i].choices[step].top;
      const std::map<std::int32_t, double> wanted(top.begin(), top.end());
      for (const auto& [token, log_prob] : ours[i].choices[step].top) {
        ASSERT_NEAR(log_prob, wanted.at(token), 1e-4) << "question " << i << ", token " << step;
      }
    }
  }
}

class EveryFamily : public ::testing::TestWithParam<std::tuple<std::string, engine::Ops::Path>> {};

TEST_P(EveryFamily, SharedBatchedAndChunkedAnswersAreThoseAlone) {
  const auto& [name, path] = GetParam();
  const auto model = load_tiny(name, path);
  const Group group = group_of(*model, name);
  std::vector<engine::Continuation> cold;
  for (const engine::Sequence& sequence : group.sequences) {
    Group alone;
    alone.sequences = {sequence};
    alone.features = group.features;
    cold.push_back(std::move(answers(*model, alone, {}).front()));
  }
  for (const engine::GenerationLimits& limits :
       {engine::GenerationLimits{},
        engine::GenerationLimits{.share_prefix = false},
        engine::GenerationLimits{.batch = 2},
        engine::GenerationLimits{.prefill_chunk = 7},
        engine::GenerationLimits{.batch = 1, .prefill_chunk = 3, .share_prefix = false}}) {
    SCOPED_TRACE("batch " + std::to_string(limits.batch) + ", chunk " +
                 std::to_string(limits.prefill_chunk) + ", shared " +
                 std::to_string(limits.share_prefix));
    expect_same(answers(*model, group, limits), cold);
  }
}

TEST_P(EveryFamily, StoppedInTheMidstItAnswersTheSameAgainAndHoldsNothing) {
  const auto& [name, path] = GetParam();
  const auto model = load_tiny(name, path);
  const Group group = group_of(*model, name);
  const auto whole = answers(*model, group, {});
  engine::clear_cache();
  const Bytes held = engine::allocator_counters().active;
  for (const int place : {0, 1, 3, 6, 11}) {
    int checks = 0;
    engine::GuardLimits limits;
    limits.cancelled = [&] { return checks++ == place; };
    const engine::Guard guard(limits);
    EXPECT_THROW(answers(*model, group, {}, guard), Cancelled) << place;
    engine::settle();
    EXPECT_EQ(engine::allocator_counters().active, held) << "stopped at check " << place;
    expect_same(answers(*model, group, {}), whole);
  }
}

TEST_P(EveryFamily, TheVisionHalfReadAgainEncodesTheSame) {
  const auto& [name, path] = GetParam();
  const auto model = load_tiny(name, path);
  const auto encoded = [&] {
    const mx::array features = mx::contiguous(*group_of(*model, name).features);
    engine::evaluate(features);
    return std::vector<float>(features.data<float>(), features.data<float>() + features.size());
  };
  const auto before = encoded();
  model->release_vision();
  EXPECT_GT(model->vision_bytes(), Bytes());
  EXPECT_EQ(encoded(), before);
}

INSTANTIATE_TEST_SUITE_P(
    Models,
    EveryFamily,
    ::testing::Combine(::testing::ValuesIn(testing::tiny_models()),
                       ::testing::Values(engine::Ops::Path::kBest, engine::Ops::Path::kPortable)),
    [](const auto& one) {
      return std::get<0>(one.param) +
             (std::get<1>(one.param) == engine::Ops::Path::kBest ? "_best" : "_portable");
    });

}  // namespace
}  // namespace headroom::models
