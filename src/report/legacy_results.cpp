#include "base/outcome.h"
#include "report/exports.h"
#include "scoring/scorers.h"
#include "values_json.h"

namespace headroom::report {

namespace {

/// One model's block: its questions in the order of asking, and the figures that the old tool
/// printed. A question without an answer is wrong, as it was there, but says so. One without a
/// reference is neither right nor wrong and in no accuracy.
Json model_block(const run::JournalReader& journal,
                 const run::ModelRecord& model,
                 const scoring::Scorer& simple,
                 const scoring::Scorer& vqa) {
  Json questions = Json::array();
  std::size_t scored = 0;
  std::size_t correct = 0;
  double vqa_sum = 0;
  double seconds = 0;
  journal.for_each_answer(
      model.no,
      run::JournalReader::Readings::kSkip,
      [&](const run::ItemRecord& item, const run::AnswerRecord* answer) {
        if (answer == nullptr) {
          return;
        }
        const worker::Answer& given = answer->answer;
        const auto by_simple = run::score_of(simple, item, *answer);
        const auto by_vqa = run::score_of(vqa, item, *answer);
        const bool known = simple.can_score(item.item.truth);
        const bool right = by_simple && by_simple->value == 1;
        scored += known ? 1 : 0;
        correct += right ? 1 : 0;
        vqa_sum += by_vqa ? by_vqa->value : 0;
        seconds += given.seconds.total();
        questions.push_back(
            {{"question_id", item.item.id},
             {"image", item.item.pictures.empty() ? Json() : Json(item.item.pictures[0].name)},
             {"question", item.item.question},
             {"ground_truth", or_null(scoring::one_reference(item.item.truth))},
             {"answer", given.outcome == Outcome::kAnswered ? Json(given.text) : Json()},
             {"error", given.outcome == Outcome::kAnswered ? Json() : Json(given.error)},
             {"correct", known ? Json(right) : Json()},
             {"vqa_accuracy", known ? Json(by_vqa ? by_vqa->value : 0) : Json()},
             {"time", given.seconds.total()}});
      });
  const auto mean = [](double sum, std::size_t count) {
    return count == 0 ? Json() : Json(sum / static_cast<double>(count));
  };
  Json block = {{"model", model.spec.word},
                {"correct", correct},
                {"total", scored},
                {"without_reference", questions.size() - scored},
                {"simple_accuracy", share_json(correct, scored)},
                {"vqa_accuracy", mean(vqa_sum, scored)},
                {"average_time", mean(seconds, questions.size())},
                {"results", std::move(questions)}};
  if (model.spec.not_run) {
    block["error"] = model.spec.not_run->reason;
  }
  return block;
}

}  // namespace

Json legacy_results_json(const run::JournalReader& journal) {
  const auto simple = scoring::make_scorer("legacy-simple");
  const auto vqa = scoring::make_scorer("legacy-vqa");
  Json models = Json::array();
  for (const run::ModelRecord& model : journal.models()) {
    models.push_back(model_block(journal, model, *simple, *vqa));
  }
  const run::RunRecord run = journal.run();
  return {{"schema", "headroom.legacy_results/1"},
          {"run", run.id},
          {"timestamp", run.created},
          {"data", run.spec.data.label},
          {"models", std::move(models)}};
}

}  // namespace headroom::report
