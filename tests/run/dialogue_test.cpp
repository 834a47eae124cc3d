#include <gtest/gtest.h>

#include "base/errors.h"
#include "run/workload.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::answers_in;
using test::dataset_of;
using test::FakeBackend;
using test::RunWorld;

std::string id_of(const std::string& picture, int turn) {
  return picture + "/" + std::to_string(turn);
}

/// Three turns about one picture, each with the history of those before.
std::vector<datasets::Item> dialogue_about(const std::string& picture) {
  std::vector<datasets::Item> items;
  Conversation history;
  for (int turn = 1; turn <= 3; ++turn) {
    datasets::Item item = test::item_of(id_of(picture, turn), picture);
    item.dialogue = picture;
    item.turn = static_cast<std::uint32_t>(turn);
    Message question{"user", {Part::of_text(item.question)}};
    if (turn == 1) {
      question.parts.insert(question.parts.begin(), Part::of_image(0));
    }
    history.push_back(question);
    item.conversation = history;
    history.push_back({"assistant", {Part::of_answer(item.id)}});
    items.push_back(item);
  }
  return items;
}

std::vector<datasets::Item> two_dialogues() {
  std::vector<datasets::Item> items = dialogue_about("p");
  for (datasets::Item& item : dialogue_about("q")) {
    items.push_back(std::move(item));
  }
  return items;
}

/// Says how many messages it was asked with, so that a wrong history gives another answer.
void answer_by_history(FakeBackend& backend) {
  backend.answer_of = [](const worker::AskItem& item) {
    std::string text = "after";
    for (const Message& message : item.conversation) {
      if (message.role == "assistant") {
        text += " [" + message.parts.at(0).text + "]";
      }
    }
    return text;
  };
}

Outcome outcome_of(const Journal& journal, const std::string& id) {
  return journal.find_answer(0, journal.find_item(id)->seq)->answer.outcome;
}

TEST(Dialogue, TurnsFollowEachOtherInTheirOrderWithTheModelsOwnAnswers) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(two_dialogues()));
  FakeBackend backend;
  answer_by_history(backend);
  world.ask(journal, backend);
  EXPECT_EQ(backend.asked, (std::vector<std::string>{"p/1", "p/2", "p/3", "q/1", "q/2", "q/3"}));
  const Conversation& third = backend.requests.at(2).items.at(0).conversation;
  ASSERT_EQ(third.size(), 5U);
  EXPECT_EQ(third[1], (Message{"assistant", {Part::of_text("after")}}));
  EXPECT_EQ(third[3], (Message{"assistant", {Part::of_text("after [after]")}}));
}

TEST(Dialogue, TheEngineIsToldToHoldAGroupThatIsContinued) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(two_dialogues()));
  FakeBackend backend;
  world.ask(journal, backend);
  std::vector<bool> held;
  for (const worker::AskRequest& request : backend.requests) {
    held.push_back(request.limits.hold);
  }
  EXPECT_EQ(held, (std::vector<bool>{true, true, false, true, true, false}));
}

TEST(Dialogue, NoPictureIsPreparedForATurnButForTheNextDialogueWithoutItsHistory) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(two_dialogues()));

  struct Watching : FakeBackend {
    std::size_t items = 0;

    void prepare(const worker::AskRequest& request) override {
      items += request.items.size();
      FakeBackend::prepare(request);
    }
  } backend;

  world.ask(journal, backend);
  EXPECT_EQ(backend.prepared, (std::vector<std::string>{"3"}));
  EXPECT_EQ(backend.items, 0U) << "its history is not known yet";
}

/// Planned peaks of p's turns when `held` of what the first one leaves is held for the next.
std::vector<Bytes> planned_peaks(Bytes held) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(dialogue_about("p")));
  FakeBackend backend;
  backend.held = held;
  backend.before_answer = [&] { world.source.now = test::footprints(20_MiB, 80_MiB); };
  world.ask(journal, backend);
  std::vector<Bytes> peaks;
  for (const char* id : {"p/1", "p/2", "p/3"}) {
    peaks.push_back(journal.find_answer(0, journal.find_item(id)->seq)->planned_peak.value());
  }
  return peaks;
}

TEST(Dialogue, WhatIsHeldForATurnIsNotPlannedBesideIt) {
  const std::vector<Bytes> leftovers = planned_peaks(Bytes());
  const std::vector<Bytes> held = planned_peaks(10_MiB);
  EXPECT_EQ(held[0], leftovers[0]);
  EXPECT_EQ(held[1] + 10_MiB, leftovers[1]);
  EXPECT_EQ(held[2] + 10_MiB, leftovers[2]);
}

TEST(Dialogue, ATurnWhoseEarlierTurnHasNoAnswerIsSkippedSayingWhichAndWhy) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(two_dialogues()));
  FakeBackend backend;
  backend.failures = {{"p/2", Outcome::kTimeout}};
  world.ask(journal, backend);
  EXPECT_EQ(outcome_of(journal, "p/1"), Outcome::kAnswered);
  const worker::Answer skipped = journal.find_answer(0, journal.find_item("p/3")->seq)->answer;
  EXPECT_EQ(skipped.outcome, Outcome::kSkipped);
  EXPECT_EQ(skipped.error_code, "E-TURN");
  EXPECT_NE(skipped.error.find("turn 2 of p (item p/2)"), std::string::npos) << skipped.error;
  EXPECT_NE(skipped.error.find("timeout (E-SCRIPT)"), std::string::npos) << skipped.error;
  EXPECT_EQ(outcome_of(journal, "q/3"), Outcome::kAnswered);
}

TEST(Dialogue, ATurnWhoseEarlierTurnIsNotInTheRunIsSkipped) {
  RunWorld world;
  Specification spec = test::spec_of();
  spec.sample_ids = {"p/2"};
  Journal journal = world.begin(dataset_of(two_dialogues()), spec);
  FakeBackend backend;
  world.ask(journal, backend);
  EXPECT_TRUE(backend.asked.empty());
  EXPECT_EQ(outcome_of(journal, "p/2"), Outcome::kSkipped);
}

/// Two questions about one picture, the second with an answer in its history that is not there.
std::vector<datasets::Item> one_of_two_askable() {
  std::vector<datasets::Item> items = {test::item_of("a", "p"), test::item_of("b", "p")};
  items[1].conversation.insert(
      items[1].conversation.begin(),
      {{"user", {Part::of_text("before")}}, {"assistant", {Part::of_answer("gone")}}});
  return items;
}

TEST(Dialogue, WhatIsTakenOutOfAGroupIsNotPlannedFor) {
  const auto planned = [](const std::vector<datasets::Item>& items) {
    RunWorld world;
    Journal journal = world.begin(dataset_of(items));
    FakeBackend backend;
    world.ask(journal, backend);
    EXPECT_EQ(backend.asked, std::vector<std::string>{"a"});
    return journal.find_answer(0, journal.find_item("a")->seq)->planned_peak.value();
  };
  std::vector<datasets::Item> items = one_of_two_askable();
  const Bytes both = planned(items);
  items.pop_back();
  EXPECT_EQ(both, planned(items));
}

TEST(Dialogue, WhatEndsWithoutBeingAskedIsNoMeasureOfSpeed) {
  RunWorld world;

  struct Last : Observer {
    void on_progress(const Progress& progress) override { last = progress; }

    Progress last;
  } observer;

  world.observer = &observer;
  Journal journal = world.begin(dataset_of(one_of_two_askable()));
  FakeBackend backend;
  world.ask(journal, backend);
  EXPECT_EQ(observer.last.done, 2U);
  EXPECT_EQ(observer.last.done_now, 1U);
}

TEST(Dialogue, StoppedAnywhereGoesOnToTheSameAnswers) {
  std::vector<std::string> whole;
  {
    RunWorld world;
    Journal journal = world.begin(dataset_of(two_dialogues()));
    FakeBackend backend;
    answer_by_history(backend);
    world.ask(journal, backend);
    whole = answers_in(journal);
  }
  for (int stop = 1; stop <= 6; ++stop) {
    RunWorld world;
    {
      Journal journal = world.begin(dataset_of(two_dialogues()));
      FakeBackend backend;
      answer_by_history(backend);
      backend.script[stop] = FakeBackend::Event::kCancel;
      EXPECT_THROW(world.ask(journal, backend), Cancelled);
    }
    Journal journal = Journal::open(world.folder.path(), world.clock);
    FakeBackend backend;
    answer_by_history(backend);
    world.ask(journal, backend);
    EXPECT_EQ(answers_in(journal), whole) << "stopped before answer " << stop;
  }
}

TEST(Dialogue, AFailedTurnIsRetriedTogetherWithThoseThatItLetDown) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(two_dialogues()));
  {
    FakeBackend backend;
    backend.failures = {{"p/2", Outcome::kTimeout}};
    world.ask(journal, backend);
  }
  EXPECT_EQ(journal.set_failures_aside(0), 2U);
  FakeBackend backend;
  answer_by_history(backend);
  world.ask(journal, backend);
  EXPECT_EQ(backend.asked, (std::vector<std::string>{"p/2", "p/3"}));
  EXPECT_EQ(outcome_of(journal, "p/3"), Outcome::kAnswered);
}

TEST(Dialogue, EachModelHasItsOwnHistory) {
  RunWorld world;
  Specification spec = test::spec_of();
  spec.models.push_back(spec.models.front());
  spec.models.back().name = "other";
  Journal journal = world.begin(dataset_of(dialogue_about("p")), spec);
  FakeBackend first;
  first.answer_of = [](const worker::AskItem&) { return "one"; };
  world.ask(journal, first);
  world.model = 1;
  FakeBackend second;
  second.answer_of = [](const worker::AskItem&) { return "two"; };
  world.ask(journal, second);
  EXPECT_EQ(second.requests.at(1).items.at(0).conversation.at(1).parts.at(0).text, "two");
}

TEST(Dialogue, WhatFollowsAChangedTurnIsAskedAnewToo) {
  RunWorld world;
  std::vector<datasets::Item> items = dialogue_about("p");
  // Later turns as a text alone: their own hashes do not know of the picture.
  items[1].pictures.clear();
  items[1].conversation.front().parts.erase(items[1].conversation.front().parts.begin());
  Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  world.ask(journal, backend);
  items[0].pictures[0].bytes = "another picture";
  const DataDifference difference = resume_data(journal, dataset_of(items), true);
  EXPECT_EQ(difference.changed, (std::vector<std::string>{"p/1", "p/2", "p/3"}));
  FakeBackend again;
  world.ask(journal, again);
  EXPECT_EQ(again.asked, (std::vector<std::string>{"p/1", "p/2", "p/3"}));
}

TEST(Dialogue, TurnsThatNeedNoEarlierAnswerAreAskedTogether) {
  std::vector<datasets::Item> items;
  for (const char* id : {"a", "b"}) {
    items.push_back(test::item_of(id, ""));
    items.back().dialogue = "d";
    items.back().turn = static_cast<std::uint32_t>(items.size());
  }
  items.push_back(test::item_of("c", ""));
  const Selection selection = select(dataset_of(items), test::spec_of());
  EXPECT_EQ(selection.places[0].group, selection.places[1].group);
  EXPECT_EQ(selection.places[0].cluster, selection.places[1].cluster);
  EXPECT_NE(selection.places[2].group, selection.places[0].group);
}

TEST(Dialogue, TurnsAboutOnePictureAreOneCluster) {
  const Selection selection = select(dataset_of(two_dialogues()), test::spec_of());
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> clusters;
  for (const Place& place : selection.places) {
    groups.push_back(place.group);
    clusters.push_back(place.cluster);
  }
  EXPECT_EQ(groups, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(clusters, (std::vector<std::uint32_t>{0, 0, 0, 1, 1, 1}));
}

TEST(Dialogue, AnAnswerThatIsNotThereYetIsPlannedAsLongAsTheRunAllows) {
  const std::vector<datasets::Item> items = dialogue_about("p");
  const Conversation& third = items.at(2).conversation;
  EXPECT_EQ(estimate_text_tokens(third, 100), estimate_text_tokens(third, 0) + 200);
  RunWorld world;
  Journal journal = world.begin(dataset_of(items));
  EXPECT_EQ(survey_workload(journal).longest_text(0),
            estimate_text_tokens(third, journal.run().spec.max_tokens));
}

}  // namespace
}  // namespace headroom::run
