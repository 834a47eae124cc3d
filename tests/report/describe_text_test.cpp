#include <gtest/gtest.h>

#include "report/exports.h"
#include "report/terminal.h"
#include "run/results.h"

namespace headroom::report {
namespace {

using namespace headroom::literals;

/// Three pictures with four facts, of which the last was not described.
run::RunResults describe_run() {
  run::DescribeResults describe;
  describe.pictures = 3;
  describe.described = 2;
  describe.pictures_with_facts = 3;
  describe.facts = {4, 2, 1, 2};
  describe.facts_of_described = 3;
  describe.captioned = 3;
  describe.captions = scoring::CaptionScores{2, {0.8, 0.7, 0.6, 0.5}, 0.75, 3.25};
  describe.text_only = run::Support::kSupported;
  describe.text_prompts = 3;
  describe.text_answered = 3;
  describe.generated_tokens = 50;
  describe.decode_seconds = 2;
  describe.cut_off = 1;
  describe.flagged_count = 1;
  describe.flagged = {{"p1", {run::AnswerFlag::kCutOff}, ""}};
  run::RunResults results;
  results.run.spec.test = run::TestKind::kDescribe;
  results.run.spec.prompt = "Describe the image.";
  run::ModelResults& model = results.models.emplace_back();
  model.model.spec.name = "demo";
  model.items = 24;
  model.measured_peak = 60_MiB;
  model.budget = 512_MiB;
  model.describe = describe;
  return results;
}

void expect_holds(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in:\n" << text;
}

TEST(DescribeText, GivesFactsOfAllPicturesAndOfThoseDescribed) {
  const std::string text = results_text(describe_run(), {});
  expect_holds(
      text,
      "facts     2 of 4 items told (50.0 %) of 3 pictures asked about, 2 of 3 items "
      "(66.7 %) of those described; at the right place 1 of 2 of the told with a place (50.0 %)\n");
  expect_holds(text, "pictures  2 of 3 pictures described");
  expect_holds(text, "1/5");  // flagged of answers, prompts without a picture included
}

TEST(DescribeText, GivesCaptionScoresWithTheirDenominator) {
  expect_holds(results_text(describe_run(), {}),
               "captions  BLEU-4 0.5000, ROUGE-L 0.7500, CIDEr-D 3.2500; of 2 of 3 captioned "
               "pictures\n");
}

TEST(DescribeText, SaysWhatTheDataLack) {
  run::RunResults results = describe_run();
  results.models[0].describe->pictures_with_facts = 0;
  results.models[0].describe->captioned = 0;
  const std::string text = results_text(results, {});
  expect_holds(text, "captions  the data hold none: not compared\n");
  expect_holds(text, "facts     the data hold none: not compared\n");
}

TEST(DescribeText, NamesFlaggedAnswersAndUnits) {
  const std::string text = results_text(describe_run(), {});
  expect_holds(text, "0 empty, 1 cut off, 0 repeating themselves\n            p1: cut-off\n");
  expect_holds(text, "25.0 generated tokens/s: 50 tokens in 2.0 s of decoding");
  expect_holds(text, "text only supported, 3 of 3 prompts answered");
  expect_holds(text, "60.0 MiB of 512.0 MiB");
}

}  // namespace
}  // namespace headroom::report
