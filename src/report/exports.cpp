#include "report/exports.h"

#include "atomic_writer.h"
#include "base/outcome.h"
#include "comparison_text.h"
#include "context_text.h"
#include "describe_records.h"
#include "records.h"
#include "scoring/profile.h"
#include "scoring/scorers.h"
#include "values_json.h"

namespace headroom::report {

namespace {

using run::JournalReader;

constexpr const char* kMemorySchema = "headroom.memory/1";

Json outcomes_json(const run::ModelResults& model) {
  Json outcomes = Json::object();
  for (const Outcome outcome : {Outcome::kAnswered,
                                Outcome::kImage,
                                Outcome::kMemory,
                                Outcome::kTimeout,
                                Outcome::kServer,
                                Outcome::kModel,
                                Outcome::kSkipped}) {
    const auto found = model.counts.outcomes.find(outcome);
    outcomes[std::string(to_string(outcome))] =
        found == model.counts.outcomes.end() ? 0 : found->second;
  }
  return outcomes;
}

Json seconds_json(const run::ModelResults& model) {
  return {{"load", model.load_seconds},
          {"preprocess", model.phases.preprocess},
          {"encode", model.phases.encode},
          {"prefill", model.phases.prefill},
          {"decode", model.phases.decode},
          {"other", model.other_seconds}};
}

Json earlier_json(const run::ModelResults& model) {
  Json list = Json::array();
  for (std::size_t i = 0; i < model.model.earlier.size(); ++i) {
    list.push_back(run::to_json(model.model.earlier[i]));
    list.back()["answers"] = model.earlier_answers.at(i);
  }
  return list;
}

Json division_json(const std::map<std::string, run::TypeAccuracy>& division) {
  Json by_type = Json::object();
  for (const auto& [type, accuracy] : division) {
    by_type[type] = {{"count", accuracy.asked.count},
                     {"accuracy", accuracy.asked.mean},
                     {"interval", interval_json(accuracy.asked)},
                     {"answered", accuracy.answered ? accuracy.answered->count : 0},
                     {"accuracy_answered", mean_or_null(accuracy.answered)}};
  }
  return by_type;
}

/// Null before the first answer.
Json question_seconds_json(const run::QuestionTimes& times) {
  if (times.count == 0) {
    return {};
  }
  const auto phase = [](const run::PhaseTime& time) {
    return Json({{"mean", time.mean}, {"median", time.median}, {"p95", time.p95}});
  };
  return {{"count", times.count},
          {"preprocess", phase(times.preprocess)},
          {"encode", phase(times.encode)},
          {"prefill", phase(times.prefill)},
          {"decode", phase(times.decode)},
          {"together", phase(times.together)}};
}

Json not_run_json(const std::optional<run::NotRun>& not_run) {
  return not_run ? Json({{"code", not_run->code}, {"reason", not_run->reason}}) : Json();
}

Json model_json(const run::ModelResults& model) {
  const scoring::Counts& counts = model.judged;
  Json json = {
      {"name", model.model.spec.name},
      {"engine", model.model.engine.empty() ? model.model.spec.engine : model.model.engine},
      {"engine_version", model.model.engine_version},
      {"device", model.model.device},
      {"dtype", model.model.dtype},
      {"family", model.model.family},
      {"hash", model.model.spec.hash},
      {"earlier", earlier_json(model)},
      {"not_run", not_run_json(model.model.spec.not_run)},
      {"total", model.items},
      {"pending", model.pending},
      {"answered", model.counts.answered()},
      {"judged", counts.total},
      {"correct", counts.correct},
      {"wrong", counts.wrong},
      {"unparsed", counts.unparsed},
      {"refused", counts.refused},
      {"unscored", counts.unscored},
      {"accuracy", mean_or_null(model.accuracy)},
      {"accuracy_answered", mean_or_null(model.accuracy_answered)},
      {"interval", interval_json(model.accuracy)},
      {"accuracy_count", model.accuracy ? model.accuracy->count : 0},
      {"clusters", model.accuracy ? model.accuracy->clusters : 0},
      {"second_accuracy", mean_or_null(model.second_accuracy)},
      {"second_interval", interval_json(model.second_accuracy)},
      {"by_answer_type", division_json(model.by_answer_type)},
      {"by_question_type", division_json(model.by_question_type)},
      {"pictures",
       {{"count", model.pictures.count},
        {"all_right", model.pictures.all_right},
        {"none_right", model.pictures.none_right}}},
      {"outcomes", outcomes_json(model)},
      {"questions_per_second", or_null(model.questions_per_second)},
      {"seconds", seconds_json(model)},
      {"question_seconds", question_seconds_json(model.times)},
      {"asking_seconds", model.asking_seconds},
      {"budget_bytes", bytes_or_null(model.budget)},
      {"planned_peak_bytes", bytes_or_null(model.planned_peak)},
      {"measured_peak_bytes", bytes_or_null(model.measured_peak)},
      {"budget_kept", or_null(model.budget_kept())},
      {"cleanups", model.cleanups},
      {"cleanups_freed_bytes", model.cleanups_freed_bytes},
      {"unload_freed_bytes", or_null(model.unload_freed_bytes)},
      {"worker_restarts", model.worker_restarts},
      {"superseded", model.superseded},
      {"unanswered_ids", model.unanswered_ids}};
  if (model.context) {
    json["context"] = context_json(*model.context);
  }
  return json;
}

Json image_json(const datasets::Item& item) {
  if (item.pictures.empty()) {
    return {};
  }
  if (item.pictures.size() == 1) {
    return item.pictures.front().name;
  }
  Json names = Json::array();
  for (const datasets::Picture& picture : item.pictures) {
    names.push_back(picture.name);
  }
  return names;
}

Json log_probs_json(const worker::Answer& answer) {
  Json list = Json::array();
  for (const worker::TokenLogProb& token : answer.log_probs) {
    Json top = Json::array();
    for (const auto& [id, value] : token.top) {
      top.push_back(Json::array({id, value}));
    }
    list.push_back({{"token", token.token}, {"log_prob", token.log_prob}, {"top", std::move(top)}});
  }
  return list;
}

/// Members that only items of dialogues, or of tests with several arms, have.
void add_dialogue(Json& record, const datasets::Item& item) {
  if (!item.arm.empty()) {
    record["arm"] = item.arm;
  }
  if (item.turn != 0) {
    record["dialogue"] = item.dialogue;
    record["turn"] = item.turn;
  }
}

std::string text_of(const Message& message) {
  std::string text;
  for (const Part& part : message.parts) {
    text += part.kind == Part::Kind::kText ? part.text : std::string();
  }
  return text;
}

/// The words that the question was put in, where they are not its own, and the system message.
void add_words(Json& record, const datasets::Item& item) {
  if (!item.conversation.empty() && item.conversation.front().role == "system") {
    record["system"] = text_of(item.conversation.front());
  }
  if (std::string asked = asked_words(item); !asked.empty()) {
    record["asked"] = std::move(asked);
  }
}

/// Members that only some answers have.
void add_optional(Json& record, const worker::Answer& answer) {
  if (answer.outcome != Outcome::kAnswered) {
    record["error"] = answer.error;
    record["error_code"] = answer.error_code;
  }
  if (!answer.log_probs.empty()) {
    record["log_probs"] = log_probs_json(answer);
  }
  if (!answer.prompt.empty()) {
    record["prompt"] = answer.prompt;
  }
  if (!answer.input_ids.empty()) {
    record["input_ids"] = answer.input_ids;
  }
  if (!answer.notices.empty()) {
    record["notices"] = answer.notices;
  }
}

void write_lines(const std::filesystem::path& target,
                 const std::function<void(const std::function<void(const std::string&)>&)>& each) {
  AtomicWriter writer(target);
  each([&](const std::string& line) {
    writer.write(line);
    writer.write("\n");
  });
  writer.finish();
}

}  // namespace

std::string asked_words(const datasets::Item& item) {
  std::string asked = item.conversation.empty() ? std::string() : text_of(item.conversation.back());
  return asked == item.question ? std::string() : asked;
}

Json answer_json(const std::string& model,
                 const scoring::Scorer& scorer,
                 const run::ItemRecord& item,
                 const run::AnswerRecord& answer) {
  const worker::Answer& given = answer.answer;
  const std::optional<scoring::Score> score = run::score_of(scorer, item, answer);
  Json record = {{"schema", "headroom.answer/1"},
                 {"model", model},
                 {"id", item.item.id},
                 {"group", item.place.group},
                 {"image", image_json(item.item)},
                 {"image_hashes", given.picture_hashes},
                 {"question", item.item.question},
                 {"references", item.item.truth.references},
                 {"answer", given.outcome == Outcome::kAnswered ? Json(given.text) : Json()},
                 {"outcome", to_string(given.outcome)},
                 {"verdict", score ? Json(scoring::to_string(score->verdict)) : Json()},
                 {"score", score ? Json(score->value) : Json()},
                 {"extracted", score ? Json(score->extracted) : Json()},
                 {"token_ids", given.token_ids},
                 {"stopped", given.stopped},
                 {"prompt_tokens", given.prompt_tokens},
                 {"image_tokens", given.image_tokens},
                 {"prefilled_tokens", given.prefilled_tokens},
                 {"seconds",
                  {{"preprocess", given.seconds.preprocess},
                   {"encode", given.seconds.encode},
                   {"prefill", given.seconds.prefill},
                   {"decode", given.seconds.decode}}},
                 {"memory",
                  {{"planned_peak_bytes", bytes_or_null(answer.planned_peak)},
                   {"measured_peak_bytes", bytes_or_null(answer.measured_peak)}}},
                 {"rung", given.rung},
                 {"asked_at", answer.asked_at}};
  add_dialogue(record, item.item);
  add_words(record, item.item);
  add_optional(record, given);
  add_description(record, item, given);
  return record;
}

Json summary_json(const run::RunResults& results) {
  Json models = Json::array();
  for (const run::ModelResults& model : results.models) {
    models.push_back(model_json(model));
    if (model.describe) {
      models.back()["describe"] = describe_json(*model.describe);
    }
  }
  return {{"schema", "headroom.summary/1"},
          {"run", results.run.id},
          {"test", run::to_string(results.run.spec.test)},
          {"state", run::to_string(results.run.state)},
          {"created", results.run.created},
          {"updated", results.run.updated},
          {"data",
           {{"name", results.run.spec.data.label},
            {"path", results.run.spec.data.path},
            {"hash", results.run.data_hash},
            {"items", results.run.items}}},
          {"metric", results.metric},
          {"second_metric", or_null(results.second_metric)},
          {"profile", scoring::profile_of(results.metric)},
          {"best", best_json(results)},
          {"versions", results.run.spec.versions},
          {"models", std::move(models)}};
}

void for_each_answer_line(const JournalReader& journal,
                          const std::string& metric,
                          const std::function<void(const std::string&)>& line) {
  const auto scorer = scoring::make_scorer(metric.empty() ? journal.run().spec.metric : metric);
  for (const run::ModelRecord& model : journal.models()) {
    journal.for_each_answer(
        model.no,
        JournalReader::Readings::kSkip,
        [&](const run::ItemRecord& item, const run::AnswerRecord* answer) {
          if (answer != nullptr) {
            line(dump_json(answer_json(model.spec.name, *scorer, item, *answer)));
          }
        });
  }
}

void for_each_memory_line(const JournalReader& journal,
                          const std::function<void(const std::string&)>& line) {
  std::vector<std::string> names;
  for (const run::ModelRecord& model : journal.models()) {
    names.push_back(model.spec.name);
  }
  const auto name = [&](std::uint32_t model) {
    return model < names.size() ? names[model] : std::string();
  };
  journal.for_each_memory_entry([&](const run::MemoryEntry& entry) {
    if (const auto* const span = std::get_if<run::SpanRecord>(&entry.what)) {
      Json json = memory::to_json(span->span);
      json["schema"] = kMemorySchema;
      json["kind"] = "reading";
      json["model"] = name(span->model);
      line(dump_json(json));
    } else if (const auto* const event = std::get_if<run::MemoryRecord>(&entry.what)) {
      Json json = memory::to_json(event->event);
      json["model"] = name(event->model);
      line(dump_json(json));
    } else if (const auto* const death = std::get_if<run::DeathRecord>(&entry.what)) {
      line(dump_json({{"schema", kMemorySchema},
                      {"time", death->time},
                      {"kind", "death"},
                      {"model", name(death->model)},
                      {"group", death->group ? Json(std::to_string(*death->group)) : Json()},
                      {"detail", backends::to_string(death->death.kind)},
                      {"code", death->death.detail},
                      {"reason", death->death.evidence}}));
    }
  });
}

run::RunResults rebuild_exports(const JournalReader& journal, const std::string& metric) {
  const std::filesystem::path& folder = journal.folder();
  run::RunResults results = run::results_of(journal, metric);
  AtomicWriter summary(folder / "summary.json");
  summary.write(summary_json(results).dump(2, ' ', false, Json::error_handler_t::replace));
  summary.write("\n");
  summary.finish();
  write_lines(folder / "answers.jsonl",
              [&](const auto& line) { for_each_answer_line(journal, metric, line); });
  if (results.run.spec.legacy_results) {
    AtomicWriter legacy(folder / "vqa_results.json");
    legacy.write(legacy_results_json(journal).dump(2, ' ', false, Json::error_handler_t::replace));
    legacy.write("\n");
    legacy.finish();
  }
  write_lines(folder / "memory.jsonl",
              [&](const auto& line) { for_each_memory_line(journal, line); });
  return results;
}

}  // namespace headroom::report
