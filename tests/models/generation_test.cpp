// Generation on the tiny checkpoints: stopped at every possible place, in 16 bits, against broken
// weights and records.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

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

std::vector<std::vector<std::int32_t>> generate(const VisionLanguageModel& model,
                                                const engine::Guard& guard) {
  const SystemClock clock;
  const std::set<std::int32_t> none;
  std::vector<std::vector<std::int32_t>> tokens(2);
  engine::Generator(model, none, clock)
      .run(two_questions(),
           nullptr,
           {.batch = 0, .prefill_chunk = 6, .share_prefix = true},
           guard,
           [&](std::size_t index, engine::Continuation&& continuation) {
             if (continuation.failure) {
               std::rethrow_exception(continuation.failure);
             }
             tokens[index] = std::move(continuation.tokens);
           });
  return tokens;
}

class EveryPath : public ::testing::TestWithParam<engine::Ops::Path> {};

TEST_P(EveryPath, CancelledAtEachPlaceItRunsAgainAndHoldsNothing) {
  const auto model = load(tiny("smolvlm"), mx::float32, GetParam());
  const auto whole = generate(*model, engine::Guard());
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
      EXPECT_EQ(generate(*model, guard), whole);
    } catch (const Cancelled&) {
      stopped = true;
    }
    engine::settle();
    EXPECT_EQ(engine::allocator_counters().active, held) << "stopped at check " << places;
    EXPECT_EQ(generate(*model, engine::Guard()), whole) << "after a stop at check " << places;
  }
  EXPECT_GT(places, 20) << "prefill and decode are watched between layers";
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

TEST(BrokenWeights, NotANumberIsTheModelsFailure) {
  test::TemporaryFolder folder;
  const auto model = load(with_tensor_of(folder, "model.text_model.norm.weight", std::nanf("")));
  EXPECT_EQ(failure_code(*model), "E-MODEL-NAN");
}

TEST(BrokenWeights, AllZeroIsTheModelsFailure) {
  test::TemporaryFolder folder;
  const auto model = load(with_tensor_of(folder, "model.text_model.norm.weight", 0.0F));
  EXPECT_EQ(failure_code(*model), "E-MODEL-ZERO");
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
  mx::eval(model.encode_pixels(tensors.at("pixel_values"), guard));
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
  EXPECT_THROW(verify(*model, tiny("smolvlm") / "config.json", clock), UsageError);
}

}  // namespace
}  // namespace headroom::models
