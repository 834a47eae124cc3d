#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "memory/governor.h"
#include "memory/plan_support.h"
#include "memory/policies/periodic.h"
#include "run/governing.h"
#include "run/journal.h"
#include "run/resume.h"
#include "run/runner.h"
#include "support/fake_backend.h"
#include "support/fake_clock.h"
#include "support/scripted_source.h"
#include "support/temporary_folder.h"

namespace headroom::test {

/// A reader of items that stand in memory.
class ItemsReader final : public datasets::DatasetReader {
 public:
  explicit ItemsReader(std::vector<datasets::Item> items) : items_(std::move(items)) {}

  std::optional<datasets::Item> next() override {
    if (at_ == items_.size()) {
      return std::nullopt;
    }
    return items_[at_++];
  }

 private:
  std::vector<datasets::Item> items_;
  std::size_t at_ = 0;
};

inline datasets::Dataset dataset_of(std::vector<datasets::Item> items) {
  datasets::Dataset dataset;
  dataset.name = "test";
  dataset.label = "test data";
  dataset.metric = "exact";
  dataset.path = "test.jsonl";
  dataset.open = [items = std::move(items)] { return std::make_unique<ItemsReader>(items); };
  return dataset;
}

/// An item about the picture `picture`, whose right answer is what the fake backend says.
inline datasets::Item item_of(const std::string& id, const std::string& picture) {
  datasets::Item item;
  item.id = id;
  if (!picture.empty()) {
    // Of bytes that are no picture: nothing here decodes them.
    item.pictures.push_back({{}, "bytes of " + picture, picture});
  }
  item.question = "question " + id + "?";
  Message message{"user", {}};
  if (!picture.empty()) {
    message.parts.push_back(Part::of_image(0));
  }
  message.parts.push_back(Part::of_text(item.question));
  item.conversation = {message};
  item.truth.references = {"answer to " + id};
  item.truth.answer_type = "other";
  return item;
}

/// `pictures` pictures with `questions` questions each: ids p0-q0, p0-q1, …
inline std::vector<datasets::Item> items_of(int pictures, int questions) {
  std::vector<datasets::Item> items;
  for (int p = 0; p < pictures; ++p) {
    for (int q = 0; q < questions; ++q) {
      items.push_back(item_of("p" + std::to_string(p) + "-q" + std::to_string(q),
                              "p" + std::to_string(p) + ".png"));
      items.back().line = items.size();
    }
  }
  return items;
}

inline run::Specification spec_of() {
  run::Specification spec;
  run::ModelSpec model;
  model.word = "fake";
  model.name = "fake";
  model.engine = "fake";
  model.folder = "/nowhere";
  spec.models.push_back(model);
  spec.data.label = "test";
  spec.metric = "exact";
  spec.top_log_probs = 1;
  return spec;
}

/// As the specification says, with at most eight questions together.
inline memory::GovernorSettings settings_of(const run::Specification& spec) {
  memory::GovernorSettings settings = run::governor_settings(spec);
  settings.batch = settings.batch == 0 ? 8 : settings.batch;
  return settings;
}

/// Everything a run needs beside its data.
struct RunWorld {
  TemporaryFolder folder;
  testing::FakeClock clock;
  ScriptedSource source;
  memory::Sampler sampler{source};
  worker::CancelToken cancel;
  NullLog log;
  std::uint32_t model = 0;  ///< which of the specification's is asked
  bool force = false;       ///< ModelPlan::force
  run::Observer silent;
  run::Observer* observer = &silent;

  RunWorld() { source.now = footprints(20_MiB, 40_MiB); }

  run::Journal begin(const datasets::Dataset& dataset, run::Specification spec = spec_of()) {
    run::Journal journal = run::Journal::create(folder.path(), "abc123", spec, clock);
    run::register_items(journal, dataset, run::select(dataset, spec));
    return journal;
  }

  /// One stretch. `budget` is what the governor allows.
  run::ModelEnd ask(run::Journal& journal,
                    FakeBackend& backend,
                    Bytes budget = 512_MiB,
                    std::uint32_t cleanup_every = 5) {
    memory::Workload workload;
    workload.batch = 8;
    workload.max_tokens = 100;
    workload.supervisor = 20_MiB;
    run::Runner runner(journal, sampler, cancel, clock, log, *observer);
    memory::Governor governor(budget_of(budget),
                              memory::make_plan(backend.geometry, workload),
                              settings_of(journal.run().spec),
                              std::make_unique<memory::PeriodicPolicy>(
                                  memory::PeriodicPolicy::Unit::kQuestions, cleanup_every),
                              sampler,
                              clock,
                              runner.event_sink());
    run::ModelPlan plan;
    plan.model = model;
    plan.load.model = "/nowhere";
    plan.force = force;
    return runner.run(plan, backend, governor);
  }
};

/// Everything about the answers but when they were given and what the sensors said.
inline std::vector<std::string> answers_in(const run::JournalReader& journal,
                                           std::uint32_t model = 0) {
  std::vector<std::string> lines;
  journal.for_each_answer(model,
                          run::JournalReader::Readings::kSkip,
                          [&](const run::ItemRecord& item, const run::AnswerRecord* record) {
                            std::string line = item.item.id + " " + item.hash + " ";
                            if (record != nullptr) {
                              const worker::Answer& answer = record->answer;
                              line += std::string(to_string(answer.outcome)) + " '" + answer.text +
                                      "' " + answer.error_code + " ";
                              for (const worker::TokenLogProb& token : answer.log_probs) {
                                line += std::to_string(token.token) + ":" +
                                        std::to_string(token.log_prob) + " ";
                              }
                              line += std::to_string(answer.token_ids.size()) + " " +
                                      std::to_string(answer.prompt_tokens) + " " +
                                      std::to_string(answer.seconds.total());
                            }
                            lines.push_back(line);
                          });
  return lines;
}

}  // namespace headroom::test
