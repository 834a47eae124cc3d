#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "base/files.h"
#include "base/outcome.h"
#include "base/spelling.h"
#include "records.h"
#include "report/terminal.h"
#include "run/results.h"
#include "scoring/scorers.h"
#include "text.h"

namespace headroom::report {

namespace {

using run::JournalReader;

constexpr std::size_t kFailuresListed = 20;
constexpr std::size_t kDeathsListed = 10;
constexpr std::size_t kNearIds = 100'000;

std::string model_names(const run::Specification& spec) {
  std::string names;
  for (const run::ModelSpec& model : spec.models) {
    names += (names.empty() ? "" : ", ") + model.name;
  }
  return names;
}

std::uint64_t all_answers(const JournalReader& journal) {
  std::uint64_t count = 0;
  for (const run::ModelRecord& model : journal.models()) {
    count += journal.count_answers(model.no);
  }
  return count;
}

Json run_json(const std::filesystem::path& folder) {
  Json json = {{"schema", "headroom.run/1"}, {"folder", folder.string()}};
  try {
    const JournalReader journal = JournalReader::open(folder);
    const run::RunRecord run = journal.run();
    json["run"] = run.id;
    json["created"] = run.created;
    json["updated"] = run.updated;
    json["state"] = to_string(run::present_state(run, folder));
    json["test"] = to_string(run.spec.test);
    json["data"] = run.spec.data.label;
    json["models"] = Json::array();
    for (const run::ModelSpec& model : run.spec.models) {
      json["models"].push_back(model.name);
    }
    json["items"] = run.items;
    json["total"] = run.items * run.spec.models.size();
    json["ended"] = all_answers(journal);
  } catch (const Error& error) {
    json["error"] = error.what();
    json["error_code"] = error.code();
  }
  return json;
}

std::string spec_lines(const run::Specification& spec) {
  std::string text;
  text += fmt::format("  data     {} ({}), {}\n", spec.data.word, spec.data.reader, spec.data.path);
  std::string choice;
  if (spec.pictures) {
    choice += fmt::format(", pictures {}-{}", spec.pictures->first, spec.pictures->last);
  }
  if (spec.limit) {
    choice += fmt::format(", items {}-{}", spec.limit->first, spec.limit->last);
  }
  if (spec.shuffle) {
    choice += fmt::format(", shuffled by seed {}", spec.seed);
  }
  if (!spec.sample_ids.empty()) {
    choice += fmt::format(", {} given ids", spec.sample_ids.size());
  }
  text += fmt::format("  asking   at most {} tokens, longest image side {}{}{}\n",
                      spec.max_tokens,
                      spec.max_image_side == 0 ? "unlimited" : std::to_string(spec.max_image_side),
                      spec.memory.empty() ? "" : ", memory " + spec.memory,
                      choice);
  if (!spec.prompt.empty()) {
    text += fmt::format("  prompt   {}\n", dump_json(spec.prompt));
  }
  for (const datasets::ScriptTurn& turn : spec.turns) {
    text += fmt::format("  turn     {}{}\n",
                        dump_json(turn.text),
                        turn.fact.empty() ? "" : fmt::format(", scored by {}", turn.fact));
  }
  if (!spec.system.empty()) {
    text += fmt::format("  system   {}\n", dump_json(spec.system));
  }
  if (!spec.command.empty()) {
    text += fmt::format("  command  {}\n", fmt::join(spec.command, " "));
  }
  return text;
}

std::string model_lines(const JournalReader& journal) {
  std::string text;
  for (const run::ModelRecord& model : journal.models()) {
    text += fmt::format("  model    {} ({})", model.spec.name, model.spec.folder);
    if (model.loads > 0) {
      text += fmt::format(": {}, {} {} on {}, {}, {} parameters, weights {}",
                          model.family,
                          model.engine,
                          model.engine_version,
                          model.device,
                          model.dtype,
                          grouped(model.parameters),
                          model.weights ? to_string(*model.weights) : "unknown");
    }
    text += "\n";
  }
  return text;
}

/// So many lines of the terminal, where there is one.
std::optional<std::size_t> lines(const Style& style, std::size_t count) {
  return style.width ? std::optional(*style.width * count) : std::nullopt;
}

std::string failures_text(const JournalReader& journal, const Style& style) {
  std::string text;
  for (const run::ModelRecord& model : journal.models()) {
    std::size_t count = 0;
    journal.for_each_answer(
        model.no,
        JournalReader::Readings::kSkip,
        [&](const run::ItemRecord& item, const run::AnswerRecord* answer) {
          if (answer == nullptr || answer->answer.outcome == Outcome::kAnswered) {
            return;
          }
          if (++count <= kFailuresListed) {
            text += fmt::format("  {}  {}  {}: {} [{}]\n",
                                model.spec.name,
                                item.item.id,
                                to_string(answer->answer.outcome),
                                shortened(answer->answer.error, lines(style, 2)),
                                answer->answer.error_code);
          }
        });
    if (count > kFailuresListed) {
      text += fmt::format("  {}  and {} more\n", model.spec.name, grouped(count - kFailuresListed));
    }
  }
  return text.empty() ? text : "\nnot answered\n" + text;
}

std::string deaths_text(const JournalReader& journal, const Style& style) {
  const std::vector<run::DeathRecord> deaths = journal.deaths();
  std::string text;
  for (std::size_t i = 0; i < std::min(deaths.size(), kDeathsListed); ++i) {
    const run::DeathRecord& death = deaths[i];
    text += fmt::format("  {}  {} ({}){}: {}\n",
                        death.time,
                        backends::to_string(death.death.kind),
                        death.death.detail,
                        death.group ? fmt::format(", group {}", *death.group) : "",
                        shortened(death.death.evidence, lines(style, 3)));
  }
  if (deaths.size() > kDeathsListed) {
    text += fmt::format("  and {} more\n", deaths.size() - kDeathsListed);
  }
  return text.empty() ? text : "\nengine deaths\n" + text;
}

run::ItemRecord find_item(const JournalReader& journal, const std::string& id) {
  std::optional<run::ItemRecord> item = journal.find_item(id);
  if (item) {
    return std::move(*item);
  }
  std::vector<std::string> ids;
  journal.for_each_item([&](const run::ItemRecord& one) {
    if (ids.size() < kNearIds) {
      ids.push_back(one.item.id);
    }
  });
  throw UsageError("E-ITEM-ID",
                   fmt::format("no item '{}' in this run of {}{}",
                               id,
                               counted(journal.item_count(), "item"),
                               did_you_mean(id, ids)));
}

std::string answer_lines(const std::string& model,
                         const scoring::Scorer& scorer,
                         const run::ItemRecord& item,
                         const run::AnswerRecord& answer) {
  const worker::Answer& given = answer.answer;
  std::string text = fmt::format("\n{}\n", model);
  if (given.outcome == Outcome::kAnswered) {
    text += fmt::format("  answer     {}\n", given.text);
  }
  const auto score = run::score_of(scorer, item, answer);
  text += fmt::format("  outcome    {}{}\n",
                      to_string(given.outcome),
                      score ? fmt::format(", {} ({:.2f}, compared as '{}')",
                                          scoring::to_string(score->verdict),
                                          score->value,
                                          score->extracted)
                            : "");
  if (!given.error.empty()) {
    text += fmt::format("  error      {} [{}]\n", given.error, given.error_code);
  }
  text += fmt::format(
      "  tokens     {} generated{}, {} in the prompt: {} of pictures, {} prefilled for it\n",
      given.token_ids.size(),
      given.stopped ? " (stopped by itself)" : "",
      given.prompt_tokens,
      given.image_tokens,
      given.prefilled_tokens);
  text += fmt::format("  time       preprocess {}, encode {}, prefill {}, decode {}; {}\n",
                      duration_text(given.seconds.preprocess),
                      duration_text(given.seconds.encode),
                      duration_text(given.seconds.prefill),
                      duration_text(given.seconds.decode),
                      answer.asked_at);
  if (answer.measured_peak || answer.planned_peak) {
    text += fmt::format("  memory     peak {} measured, {} planned\n",
                        answer.measured_peak ? to_string(*answer.measured_peak) : "–",
                        answer.planned_peak ? to_string(*answer.planned_peak) : "–");
  }
  if (!given.rung.empty()) {
    text += fmt::format("  reduced    {}\n", given.rung);
  }
  if (!given.prompt.empty()) {
    text += fmt::format("  prompt     {}\n", dump_json(given.prompt));
  }
  for (const std::string& notice : given.notices) {
    text += fmt::format("  notice     {}\n", notice);
  }
  return text;
}

}  // namespace

std::string runs_text(const std::vector<std::filesystem::path>& folders, const Style& style) {
  Table table;
  table.add({"run", "begun", "state", "data", "models", "ended", "folder"});
  for (const auto& folder : folders) {
    const Json run = run_json(folder);
    if (run.contains("error")) {
      table.add({"?",
                 "–",
                 "unreadable",
                 "–",
                 "–",
                 "–",
                 folder.string() + ": " + shortened(run["error"].get<std::string>(), style.width)});
      continue;
    }
    table.add({run["run"].get<std::string>(),
               run["created"].get<std::string>(),
               run["state"].get<std::string>(),
               run["data"].get<std::string>(),
               fmt::format("{}", fmt::join(run["models"].get<std::vector<std::string>>(), ", ")),
               fmt::format("{}/{}",
                           grouped(run["ended"].get<std::uint64_t>()),
                           grouped(run["total"].get<std::uint64_t>())),
               folder.string()});
  }
  return spelt(table.text(style.width), style);
}

Json runs_json(const std::vector<std::filesystem::path>& folders) {
  Json list = Json::array();
  for (const auto& folder : folders) {
    list.push_back(run_json(folder));
  }
  return list;
}

std::string show_run_text(const JournalReader& journal,
                          const std::string& metric,
                          const Style& style) {
  const run::RunResults results = run::results_of(journal, metric);
  std::string text = fmt::format("run {} · {} · {} · begun {}, last change {}\n  folder   {}\n",
                                 results.run.id,
                                 to_string(results.run.state),
                                 model_names(results.run.spec),
                                 results.run.created,
                                 results.run.updated,
                                 journal.folder().string());
  text += spec_lines(results.run.spec);
  text += model_lines(journal);
  text = spelt(std::move(text), style) + "\n" + results_text(results, style);
  text += spelt(failures_text(journal, style) + deaths_text(journal, style), style);
  return text;
}

std::string show_item_text(const JournalReader& journal,
                           const std::string& metric,
                           const std::string& id,
                           const Style& style) {
  const run::ItemRecord item = find_item(journal, id);
  const auto scorer = scoring::make_scorer(metric.empty() ? journal.run().spec.metric : metric);
  std::string text =
      fmt::format("item {} · line {} · group {}\n", id, item.item.line, item.place.group);
  for (const datasets::Picture& picture : item.item.pictures) {
    text += fmt::format(
        "  picture    {}{}\n",
        picture.name,
        picture.path.empty() ? " (kept in the run)" : fmt::format(" ({})", picture.path.string()));
  }
  text += fmt::format("  question   {}\n", item.item.question);
  if (const std::string asked = asked_words(item.item); !asked.empty()) {
    text += fmt::format("  asked      {}\n", dump_json(asked));
  }
  if (!journal.run().spec.system.empty()) {
    text += fmt::format("  system     {}\n", journal.run().spec.system);
  }
  text += item.item.truth.references.empty()
              ? std::string("  references none: not scored\n")
              : fmt::format("  references {}\n", fmt::join(item.item.truth.references, ", "));
  if (!item.item.defect.empty()) {
    text += fmt::format("  defect     {}\n", item.item.defect);
  }
  for (const run::ModelRecord& model : journal.models()) {
    const auto answer = journal.find_answer(model.no, item.seq);
    text += answer ? answer_lines(model.spec.name, *scorer, item, *answer)
                   : fmt::format("\n{}\n  not asked yet\n", model.spec.name);
  }
  return spelt(std::move(text), style);
}

Json show_item_json(const JournalReader& journal,
                    const std::string& metric,
                    const std::string& id) {
  const run::ItemRecord item = find_item(journal, id);
  const auto scorer = scoring::make_scorer(metric.empty() ? journal.run().spec.metric : metric);
  Json list = Json::array();
  for (const run::ModelRecord& model : journal.models()) {
    if (const auto answer = journal.find_answer(model.no, item.seq)) {
      list.push_back(answer_json(model.spec.name, *scorer, item, *answer));
    }
  }
  return list;
}

}  // namespace headroom::report
