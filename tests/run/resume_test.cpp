#include "run/resume.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/open.h"
#include "run/model_hash.h"
#include "run/results.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::FakeBackend;
using test::item_of;
using test::items_of;
using test::RunWorld;
using test::spec_of;

const std::filesystem::path kCase =
    std::filesystem::path(HEADROOM_TEST_DATA) / "cases/06-resume-after-edit";

/// The case's data in a folder of its own, as v1.jsonl, asked up to q3.
struct EditedData {
  EditedData() {
    std::filesystem::copy(kCase / "input", data.path(), std::filesystem::copy_options::recursive);
    Journal journal = world.begin(open());
    FakeBackend backend;
    backend.script[4] = FakeBackend::Event::kCancel;
    EXPECT_THROW(world.ask(journal, backend), Cancelled);
    EXPECT_EQ(backend.asked, (std::vector<std::string>{"q1", "q2", "q3"}));
  }

  datasets::Dataset open() const {
    return datasets::open_dataset((data / "v1.jsonl").string(), {});
  }

  /// Edits in place: the run's data is always v1.jsonl.
  datasets::Dataset edited(const std::string& name) const {
    constexpr auto kOverwrite = std::filesystem::copy_options::overwrite_existing;
    if (name.starts_with("v4")) {
      std::filesystem::copy_file(
          data / "v4_picture_changed" / "red.png", data / "red.png", kOverwrite);
    } else if (name != "v1.jsonl") {
      std::filesystem::copy_file(data / name, data / "v1.jsonl", kOverwrite);
    }
    return open();
  }

  std::vector<std::string> asked_by_resume(const datasets::Dataset& dataset, bool force) {
    Journal journal = Journal::open(world.folder.path(), world.clock);
    resume_data(journal, dataset, force);
    FakeBackend backend;
    world.ask(journal, backend);
    std::vector<std::string> asked = backend.asked;
    std::sort(asked.begin(), asked.end());
    return asked;
  }

  JournalReader reader() const { return JournalReader::open(world.folder.path()); }

  test::TemporaryFolder data;
  RunWorld world;
};

void expect_refused(EditedData& run, const datasets::Dataset& dataset, const Json& words) {
  try {
    run.asked_by_resume(dataset, false);
    ADD_FAILURE() << "not refused";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-DATA-CHANGED");
    for (const Json& word : words) {
      EXPECT_NE(std::string(error.what()).find(word.get<std::string>()), std::string::npos)
          << error.what();
    }
  }
  EXPECT_EQ(run.reader().count_answers(0), 3U) << "a refusal changes nothing";
}

/// The message is part of the items: the same data are no change, another message would be.
TEST(ResumeData, TheSystemMessageIsPutInFrontAgain) {
  RunWorld world;
  const auto dataset = dataset_of(items_of(2, 1));
  Specification spec = test::spec_of();
  spec.system = "Answer briefly.";
  Journal journal = world.begin(dataset, spec);
  EXPECT_TRUE(resume_data(journal, dataset, false).empty());
  RunWorld other;
  Journal without = other.begin(dataset);
  EXPECT_NE(journal.run().data_hash, without.run().data_hash);
}

TEST(ResumeAfterEdit, HoldsForEveryRowOfTheTable) {
  const Json truth = parse_json(read_file(kCase / "expected.json"), "expected.json");
  for (const auto& [key, row] : truth.at("then").items()) {
    SCOPED_TRACE(key);
    EditedData run;
    const datasets::Dataset dataset = run.edited(key);
    if (row.at("resumes") != false) {
      EXPECT_EQ(run.asked_by_resume(dataset, false),
                row.at("asked").get<std::vector<std::string>>());
      continue;
    }
    expect_refused(run, dataset, row.value("message_contains", Json::array()));
    if (row.contains("forced_asks")) {
      EXPECT_EQ(run.asked_by_resume(dataset, true),
                row.at("forced_asks").get<std::vector<std::string>>());
    }
  }
}

TEST(ResumeAfterEdit, ForcedAfterShiftedIdsLeavesEachIdItsOwnPictureOnce) {
  EditedData run;
  EXPECT_EQ(run.asked_by_resume(run.edited("v8_ids_shifted.jsonl"), true).size(), 6U);
  std::vector<std::pair<std::string, std::string>> pairs;
  run.reader().for_each_answer(
      0, JournalReader::Readings::kSkip, [&](const ItemRecord& item, const AnswerRecord* answer) {
        EXPECT_NE(answer, nullptr) << item.item.id;
        pairs.emplace_back(item.item.id, item.item.pictures.at(0).name);
      });
  std::sort(pairs.begin(), pairs.end());
  EXPECT_EQ(pairs,
            (std::vector<std::pair<std::string, std::string>>{{"q2", "red.png"},
                                                              {"q3", "green.png"},
                                                              {"q4", "blue.png"},
                                                              {"q5", "black.png"},
                                                              {"q6", "yellow.png"},
                                                              {"q7", "teal.png"}}));
}

TEST(ResumeAfterEdit, EditedReferencesAreTakenOver) {
  EditedData run;
  run.asked_by_resume(run.edited("v7_answer_edited.jsonl"), false);
  EXPECT_EQ(run.reader().find_item("q3")->item.truth.references,
            (std::vector<std::string>{"navy"}));
}

TEST(ResumeAfterEdit, SetAsideAnswersAreKept) {
  EditedData run;
  run.asked_by_resume(run.edited("v2_question_edited.jsonl"), true);
  EXPECT_EQ(run.reader().superseded_count(0), 1U);
}

TEST(ResumeAfterEdit, AddedItemOfAKnownPictureJoinsItsCluster) {
  EditedData run;
  run.asked_by_resume(run.edited("v5_appended.jsonl"), true);
  EXPECT_EQ(run.reader().find_item("q7")->place.cluster,
            run.reader().find_item("q1")->place.cluster);
}

TEST(Resume, AnAddedItemOfAKnownEmbeddedPictureJoinsItsCluster) {
  RunWorld world;
  auto items = items_of(2, 1);
  Journal journal = world.begin(dataset_of(items));
  items.push_back(item_of("known", "p1.png"));
  items.push_back(item_of("new", "p2.png"));
  resume_data(journal, dataset_of(items), true);
  EXPECT_EQ(journal.find_item("known")->place.cluster, journal.find_item("p1-q0")->place.cluster);
  EXPECT_GT(journal.find_item("new")->place.cluster, journal.find_item("p1-q0")->place.cluster);
}

TEST(Resume, AppendedItemsDoNotMatterToARunThatTookARange) {
  RunWorld world;
  Specification spec = spec_of();
  spec.limit = ItemRange{1, 2};
  auto items = items_of(3, 1);
  Journal journal = world.begin(dataset_of(items), spec);
  items.push_back(item_of("new", "n"));
  std::reverse(items.begin(), items.end());
  EXPECT_TRUE(resume_data(journal, dataset_of(items), false).empty());
  EXPECT_EQ(journal.item_count(), 2U);
}

/// What the start did not read is no reason not to go on.
TEST(Resume, ALimitedRunLooksNoFurtherThanItsItems) {
  RunWorld world;
  Specification spec = spec_of();
  spec.limit = ItemRange{1, 2};
  auto items = items_of(3, 1);
  items.push_back(items[0]);  // the first item's id once more
  Journal journal = world.begin(dataset_of(items), spec);
  EXPECT_TRUE(resume_data(journal, dataset_of(items), false).empty());
  items[1].truth.references = {"another"};
  resume_data(journal, dataset_of(items), false);
  EXPECT_EQ(journal.find_item("p1-q0")->item.truth.references,
            (std::vector<std::string>{"another"}));
}

TEST(Resume, LostReferencesAreRefusedAndKept) {
  RunWorld world;
  auto items = items_of(2, 1);
  Journal journal = world.begin(dataset_of(items));
  items[1].truth.references.clear();
  try {
    resume_data(journal, dataset_of(items), false);
    FAIL() << "not refused";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-DATA-CHANGED");
    EXPECT_NE(std::string(error.what()).find("1 without their references: p1-q0"),
              std::string::npos)
        << error.what();
  }
  EXPECT_EQ(journal.find_item("p1-q0")->item.truth.references.size(), 1U);
  resume_data(journal, dataset_of(items), true);
  EXPECT_TRUE(journal.find_item("p1-q0")->item.truth.references.empty());
}

TEST(Resume, ListsTwentyIdsAndCountsTheRest) {
  RunWorld world;
  auto items = items_of(30, 1);
  Journal journal = world.begin(dataset_of(items));
  for (datasets::Item& item : items) {
    item.conversation.front().parts.back().text = "another question";
  }
  try {
    resume_data(journal, dataset_of(items), false);
    FAIL() << "not refused";
  } catch (const UsageError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("30 changed"), std::string::npos) << text;
    EXPECT_NE(text.find("and 10 more"), std::string::npos) << text;
    EXPECT_EQ(text.find("p25-q0"), std::string::npos) << text;
  }
}

/// A run whose first two of four questions were answered by the fake backend's usual engine.
struct HalfAsked {
  HalfAsked() {
    FakeBackend backend;
    backend.script[3] = FakeBackend::Event::kCancel;
    EXPECT_THROW(world.ask(journal, backend), Cancelled);
    world.clock.advance(std::chrono::hours(1));
  }

  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(4, 1)));
};

struct OtherEngine {
  const char* what;
  void (*change)(FakeBackend& backend);
};

TEST(ResumeElsewhere, AnotherEngineIsRefusedNamingBoth) {
  const OtherEngine cases[] = {
      {"engine", [](FakeBackend& b) { b.who.engine = "other"; }},
      {"version", [](FakeBackend& b) { b.who.engine_version = "1.1"; }},
      {"device", [](FakeBackend& b) { b.who.device = "cuda: NVIDIA H100"; }},
      {"dtype", [](FakeBackend& b) { b.default_dtype = "bfloat16"; }},
  };
  for (const OtherEngine& one : cases) {
    SCOPED_TRACE(one.what);
    HalfAsked run;
    FakeBackend backend;
    one.change(backend);
    try {
      run.world.ask(run.journal, backend);
      ADD_FAILURE() << "not refused";
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-ENGINE-CHANGED");
      EXPECT_NE(std::string(error.what()).find("2 answers so far are by fake 1.0 on cpu"),
                std::string::npos)
          << error.what();
    }
    EXPECT_TRUE(backend.asked.empty());
    EXPECT_EQ(run.journal.models().at(0).engine_version, "1.0") << "the record stays as it was";
    EXPECT_EQ(run.journal.run().state, RunState::kInterrupted);
  }
}

TEST(ResumeElsewhere, AnotherCardOfOneKindIsTheSameEngine) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 1)));
  FakeBackend first;
  first.who.device = "cuda: NVIDIA H100";
  first.script[2] = FakeBackend::Event::kCancel;
  EXPECT_THROW(world.ask(journal, first), Cancelled);
  FakeBackend second;
  second.who.device = "cuda: NVIDIA H200";
  EXPECT_EQ(world.ask(journal, second).pending, 0U);
}

TEST(ResumeElsewhere, WithoutAnswersAnyEngineMayGoOn) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 1)));
  FakeBackend first;
  first.script[1] = FakeBackend::Event::kCancel;
  EXPECT_THROW(world.ask(journal, first), Cancelled);
  FakeBackend second;
  second.who.engine_version = "2.0";
  EXPECT_EQ(world.ask(journal, second).pending, 0U);
  EXPECT_TRUE(journal.models().at(0).earlier.empty());
}

TEST(ResumeElsewhere, ForcedResultsTellWhoseAnswersTheyAre) {
  HalfAsked run;
  run.world.force = true;
  FakeBackend backend;
  backend.who.engine_version = "1.1";
  EXPECT_EQ(run.world.ask(run.journal, backend).pending, 0U);
  const ModelResults results = results_of(run.journal).models.at(0);
  EXPECT_EQ(results.model.engine_version, "1.1");
  ASSERT_EQ(results.model.earlier.size(), 1U);
  EXPECT_EQ(results.model.earlier[0].engine_version, "1.0");
  EXPECT_EQ(results.model.earlier[0].dtype, "float32");
  EXPECT_EQ(results.earlier_answers, (std::vector<std::uint64_t>{2}));
}

TEST(ResumeElsewhere, EachLoadIsToldTheMomentThatTheRunWasBegun) {
  HalfAsked run;
  FakeBackend backend;
  run.world.ask(run.journal, backend);
  EXPECT_EQ(backend.load_requests.at(0).now, testing::FakeClock().wall());
}

TEST(ModelHash, IsThatOfTheContentsWhereverTheyLie) {
  const test::TemporaryFolder a;
  const test::TemporaryFolder b;
  for (const auto* folder : {&a, &b}) {
    std::ofstream(*folder / "config.json") << "{}";
    std::ofstream(*folder / "model.safetensors") << "weights";
  }
  std::ofstream(b / "README.md") << "not counted";
  std::ofstream(b / "modeling_own.py") << "print()";
  EXPECT_EQ(model_fingerprint(a.path()).hash, model_fingerprint(b.path()).hash);
  EXPECT_TRUE(model_fingerprint(b.path(), true).files.contains("modeling_own.py"));
  EXPECT_NE(model_fingerprint(a.path(), true).hash, model_fingerprint(b.path(), true).hash);
  std::ofstream(b / "model.safetensors") << "weightz";
  EXPECT_NE(model_fingerprint(a.path()).hash, model_fingerprint(b.path()).hash);
}

TEST(ModelHash, SeesAChangedBlockOfALargeFile) {
  const test::TemporaryFolder folder;
  const auto file = folder / "model.safetensors";
  std::ofstream(file) << "x";
  std::filesystem::resize_file(file, 100U << 20U);  // sparse
  const std::string before = model_fingerprint(folder.path()).hash;
  {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    const std::string noise(1U << 20U, 'y');
    stream.seekp(50 << 20);
    stream.write(noise.data(), static_cast<std::streamsize>(noise.size()));
  }
  EXPECT_NE(model_fingerprint(folder.path()).hash, before);
}

/// A run of a model in a folder, with two of four answers.
struct RunOfFolder {
  RunOfFolder() {
    std::ofstream(model / "config.json") << "{}";
    std::ofstream(model / "tokenizer.json") << "{}";
    const ModelFingerprint before = model_fingerprint(model.path());
    Specification spec = spec_of();
    spec.models[0].folder = model.path().string();
    spec.models[0].hash = before.hash;
    spec.models[0].files = before.files;
    journal.emplace(world.begin(dataset_of(items_of(4, 1)), spec));
    FakeBackend backend;
    backend.script[3] = FakeBackend::Event::kCancel;
    EXPECT_THROW(world.ask(*journal, backend), Cancelled);
    world.clock.advance(std::chrono::hours(1));
  }

  test::TemporaryFolder model;
  RunWorld world;
  std::optional<Journal> journal;
};

TEST(ResumeModel, ChangedFilesAreRefusedByName) {
  RunOfFolder run;
  EXPECT_FALSE(resume_model(*run.journal, 0, false));
  std::ofstream(run.model / "config.json") << "{\"a\": 1}";
  std::filesystem::remove(run.model / "tokenizer.json");
  try {
    resume_model(*run.journal, 0, false);
    FAIL() << "not refused";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-MODEL-CHANGED");
    EXPECT_NE(std::string(error.what()).find("config.json (changed), tokenizer.json (gone)"),
              std::string::npos)
        << error.what();
  }
}

TEST(ResumeModel, AModelWithoutAnswersMayHaveBeenMended) {
  test::TemporaryFolder model;
  std::ofstream(model.path() / "config.json") << "{}";
  RunWorld world;
  Specification spec = spec_of();
  spec.models[0].folder = model.path().string();
  spec.models[0].hash = "of a broken one";
  Journal journal = world.begin(dataset_of(items_of(4, 1)), spec);
  EXPECT_FALSE(resume_model(journal, 0, false));
  EXPECT_NE(journal.run().spec.models[0].hash, "of a broken one");
}

TEST(ResumeModel, ForcedTheRecordNamesTheNewFilesAndWhoseTheEarlierAnswersAre) {
  RunOfFolder run;
  const std::string before = run.journal->run().spec.models[0].hash;
  std::ofstream(run.model / "config.json") << "{\"a\": 1}";
  EXPECT_TRUE(resume_model(*run.journal, 0, true));
  EXPECT_FALSE(resume_model(*run.journal, 0, false)) << "the new files are the run's now";
  FakeBackend backend;
  EXPECT_THROW(run.world.ask(*run.journal, backend), UsageError) << "force is for one resume";
  run.world.force = true;
  run.world.ask(*run.journal, backend);
  const ModelResults results = results_of(*run.journal).models.at(0);
  EXPECT_EQ(results.model.spec.hash, model_fingerprint(run.model.path()).hash);
  ASSERT_EQ(results.model.earlier.size(), 1U);
  EXPECT_EQ(results.model.earlier[0].hash, before);
  EXPECT_EQ(results.earlier_answers, (std::vector<std::uint64_t>{2}));
}

}  // namespace
}  // namespace headroom::run
