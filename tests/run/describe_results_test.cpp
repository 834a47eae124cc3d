#include "run/describe_results.h"

#include <gtest/gtest.h>

#include <set>

#include "datasets/describe.h"
#include "run/results.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::FakeBackend;
using test::RunWorld;

/// Two pictures with a caption and two facts each, then the three texts.
std::vector<datasets::Item> items() {
  std::vector<datasets::Item> items;
  for (const std::string id : {"a", "b"}) {
    datasets::Item item = test::item_of(id, id + ".png");
    item.arm = datasets::kDescribeArm;
    item.truth = {{"a blue triangle and a red circle"},
                  "",
                  "",
                  "",
                  {{"triangle", "blue", "top left"}, {"circle", "red", "top right"}}};
    items.push_back(item);
  }
  for (const std::string id : {"text-only-1", "text-only-2", "text-only-3"}) {
    datasets::Item item = test::item_of(id, "");
    item.arm = datasets::kWithoutPictureArm;
    item.truth = {};
    items.push_back(item);
  }
  return items;
}

Specification describe_spec() {
  Specification spec = test::spec_of();
  spec.test = TestKind::kDescribe;
  spec.metric = "fact-recall";
  return spec;
}

/// Answers as told, whole answers unless an id is in `cut`; texts refused where `needs_picture`.
class Describer final : public FakeBackend {
 public:
  bool needs_picture = false;
  std::set<std::string> cut;
  std::uint32_t counted = 0;  ///< as a server tells, without ids; 0: as it comes

  worker::AskDone ask(const worker::AskRequest& request,
                      const std::function<void(worker::Answer&&)>& sink) override {
    return FakeBackend::ask(request, [&](worker::Answer&& answer) {
      if (needs_picture && request.pictures.empty()) {
        answer.outcome = Outcome::kSkipped;
        answer.text.clear();
        answer.token_ids.clear();
        answer.error = "the family is not asked without a picture";
        answer.error_code = std::string(kPictureNeeded);
      }
      if (counted != 0) {
        answer.token_ids.clear();
        answer.counted_tokens = counted;
      }
      answer.stopped = !cut.contains(answer.id);
      sink(std::move(answer));
    });
  }
};

struct Described {
  RunWorld world;
  Describer backend;

  RunResults run() {
    Journal journal = world.begin(dataset_of(items()), describe_spec());
    world.ask(journal, backend);
    return results_of(journal);
  }
};

const DescribeResults& of_first(const RunResults& results) {
  return results.models.front().describe.value();
}

TEST(DescribeResults, CountWhatIsToldOfAllFacts) {
  Described described;
  described.backend.answer_of = [](const worker::AskItem& item) -> std::string {
    return item.id == "a" ? "A blue triangle in the top left and a red circle in the top left."
                          : "A blue triangle.";
  };
  const RunResults results = described.run();
  const DescribeResults& describe = of_first(results);
  EXPECT_EQ(describe.pictures, 2U);
  EXPECT_EQ(describe.described, 2U);
  EXPECT_EQ(describe.facts.facts, 4U);
  EXPECT_EQ(describe.facts.told, 3U);
  EXPECT_EQ(describe.facts.with_place, 3U);
  EXPECT_EQ(describe.facts.placed, 1U);
  ASSERT_TRUE(results.models[0].accuracy.has_value());
  EXPECT_DOUBLE_EQ(results.models[0].accuracy->mean, 0.75);
  EXPECT_EQ(results.models[0].accuracy->count, 2U) << "texts have no facts";
}

TEST(DescribeResults, AServersOwnCountStandsWhereItTellsNoTokenIds) {
  Described described;
  described.backend.counted = 7;
  const RunResults results = described.run();
  EXPECT_EQ(of_first(results).generated_tokens, 5U * 7U) << "two pictures and three texts";
}

TEST(DescribeResults, AnUndescribedPictureTellsNoneOfItsFacts) {
  Described described;
  described.backend.answer_of = [](const worker::AskItem&) {
    return std::string("a blue triangle and a red circle");
  };
  described.backend.failures = {{"b", Outcome::kImage}};
  const RunResults results = described.run();
  const DescribeResults& describe = of_first(results);
  EXPECT_EQ(describe.facts.facts, 4U);
  EXPECT_EQ(describe.facts_of_described, 2U);
  EXPECT_EQ(describe.facts.told, 2U);
  ASSERT_TRUE(describe.captions.has_value());
  EXPECT_EQ(describe.captions->count, 1U);
  EXPECT_EQ(describe.captioned, 2U);
  EXPECT_EQ(exit_code_of(results, std::nullopt), ExitCode::kSomeUnanswered);
}

TEST(DescribeResults, ComparesWithCaptions) {
  Described described;
  described.backend.answer_of = [](const worker::AskItem&) {
    return std::string("a blue triangle and a red circle");
  };
  const RunResults results = described.run();
  const DescribeResults& describe = of_first(results);
  ASSERT_TRUE(describe.captions.has_value());
  EXPECT_NEAR(describe.captions->bleu[3], 1, 1e-8);
  EXPECT_DOUBLE_EQ(describe.captions->rouge_l, 1);
}

TEST(DescribeResults, SayThatTextOnlyIsSupported) {
  Described described;
  const RunResults results = described.run();
  EXPECT_EQ(of_first(results).text_only, Support::kSupported);
  EXPECT_EQ(of_first(results).text_answered, 3U);
  EXPECT_EQ(exit_code_of(results, std::nullopt), ExitCode::kAllAnswered);
}

TEST(DescribeResults, SayThatTextOnlyIsUnsupportedAndHoldItNotAgainstTheRun) {
  Described described;
  described.backend.needs_picture = true;
  const RunResults results = described.run();
  const DescribeResults& describe = of_first(results);
  EXPECT_EQ(describe.text_only, Support::kUnsupported);
  EXPECT_EQ(describe.text_only_reason, "the family is not asked without a picture");
  EXPECT_EQ(describe.described, 2U);
  EXPECT_EQ(results.models[0].unsupported, 3U);
  EXPECT_EQ(exit_code_of(results, std::nullopt), ExitCode::kAllAnswered);
  for (const worker::AskRequest& request : described.backend.requests) {
    const bool text = request.items.front().id.starts_with("text-only");
    EXPECT_EQ(request.pictures.empty(), text) << "no picture stands in for none";
  }
}

TEST(DescribeResults, SayThatTextOnlyFailedAndWhy) {
  Described described;
  described.backend.failures = {{"text-only-2", Outcome::kModel}};
  const RunResults results = described.run();
  EXPECT_EQ(of_first(results).text_only, Support::kFailed);
  EXPECT_EQ(of_first(results).text_only_reason, "model: the script fails text-only-2");
  EXPECT_EQ(exit_code_of(results, std::nullopt), ExitCode::kSomeUnanswered);
}

TEST(DescribeResults, AnswersWithoutAWordAreNoSupport) {
  Described described;
  described.backend.answer_of = [](const worker::AskItem& item) {
    return item.id == "text-only-1" ? "..." : "words";
  };
  const RunResults results = described.run();
  EXPECT_EQ(of_first(results).text_only, Support::kFailed);
  EXPECT_EQ(of_first(results).text_only_reason, "1 of 3 answers have no word");
}

TEST(DescribeResults, KnowNothingOfTextsThatAreLeftOut) {
  RunWorld world;
  Describer backend;
  std::vector<datasets::Item> pictures = items();
  pictures.resize(2);
  Journal journal = world.begin(dataset_of(pictures), describe_spec());
  world.ask(journal, backend);
  EXPECT_EQ(of_first(results_of(journal)).text_only, Support::kNotAsked);
}

TEST(DescribeResults, FlagEmptyCutOffAndRepeatingAnswers) {
  Described described;
  described.backend.cut = {"b", "text-only-1"};
  described.backend.answer_of = [](const worker::AskItem& item) -> std::string {
    if (item.id == "a") {
      return " ";
    }
    std::string loop;
    for (int i = 0; i < 8; ++i) {
      loop += "a red circle ";
    }
    return item.id == "b" ? loop : "words";
  };
  const RunResults results = described.run();
  const DescribeResults& describe = of_first(results);
  EXPECT_EQ(describe.empty, 1U);
  EXPECT_EQ(describe.cut_off, 2U);
  EXPECT_EQ(describe.repetitions, 1U);
  ASSERT_EQ(describe.flagged.size(), 3U);
  EXPECT_EQ(describe.flagged[1].id, "b");
  EXPECT_EQ(describe.flagged[1].flags,
            (std::vector<AnswerFlag>{AnswerFlag::kCutOff, AnswerFlag::kRepetition}));
  EXPECT_EQ(describe.flagged[1].detail, "'a red circle' 8 times in a row");
}

TEST(DescribeResults, GiveTokensASecondOfDecoding) {
  Described described;
  described.backend.answer_of = [](const worker::AskItem&) { return std::string("1234567890"); };
  const RunResults results = described.run();
  EXPECT_EQ(of_first(results).generated_tokens, 50U);
  EXPECT_DOUBLE_EQ(of_first(results).decode_seconds, 0.02);
  EXPECT_NEAR(of_first(results).tokens_per_second().value(), 2500, 1e-6);
}

TEST(DescribeResults, GiveNoSpeedOfNextToNoDecoding) {
  DescribeResults results;
  results.generated_tokens = 1;
  results.decode_seconds = 0.00000034;
  EXPECT_FALSE(results.tokens_per_second().has_value());
}

TEST(DescribeResults, TellMemoryBeforeAfterAndUnloaded) {
  Described described;
  described.backend.now = test::footprints(20_MiB, 40_MiB);
  const DescribeResults describe = of_first(described.run());
  EXPECT_EQ(describe.memory.counter, memory::Counter::kFootprint);
  EXPECT_EQ(describe.memory.before_load, std::optional(60_MiB));
  EXPECT_EQ(describe.memory.after, std::optional(60_MiB));
  EXPECT_EQ(describe.memory.after_clean_up, std::optional(60_MiB));
}

TEST(DescribeResults, FactsSurviveTheJournal) {
  RunWorld world;
  const Journal journal = world.begin(dataset_of(items()), describe_spec());
  const auto item = journal.find_item("a");
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->item.truth.facts, items().front().truth.facts);
  EXPECT_EQ(item->item.truth.references, items().front().truth.references);
}

}  // namespace
}  // namespace headroom::run
