#include "run/grouping.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/errors.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::item_of;
using test::items_of;
using test::spec_of;

std::vector<std::uint32_t> groups_of(const Selection& selection) {
  std::vector<std::uint32_t> groups;
  for (const Place& place : selection.places) {
    groups.push_back(place.group);
  }
  return groups;
}

TEST(Grouping, BringsItemsOfOnePictureTogetherAcrossTheFile) {
  const auto dataset = dataset_of({item_of("a", "x"),
                                   item_of("b", "y"),
                                   item_of("c", "x"),
                                   item_of("d", "z"),
                                   item_of("e", "y")});
  const Selection selection = select(dataset, spec_of());
  EXPECT_EQ(groups_of(selection), (std::vector<std::uint32_t>{0, 1, 0, 2, 1}));
  EXPECT_EQ(selection.groups, 3U);
}

TEST(Grouping, FullGroupsAreFollowedByAnotherOfTheSameCluster) {
  Specification spec = spec_of();
  spec.group_size = 2;
  const Selection selection = select(dataset_of(items_of(1, 5)), spec);
  EXPECT_EQ(groups_of(selection), (std::vector<std::uint32_t>{0, 0, 1, 1, 2}));
  for (const Place& place : selection.places) {
    EXPECT_EQ(place.cluster, 0U);
  }
}

TEST(Grouping, ItemsWithoutPicturesAreAskedTogetherButAreClustersOfTheirOwn) {
  const Selection selection =
      select(dataset_of({item_of("a", ""), item_of("b", ""), item_of("c", "x")}), spec_of());
  EXPECT_EQ(groups_of(selection), (std::vector<std::uint32_t>{0, 0, 1}));
  EXPECT_EQ(selection.places[0].cluster, 0U);
  EXPECT_EQ(selection.places[1].cluster, 1U);
  EXPECT_EQ(selection.places[2].cluster, 2U);
}

TEST(Grouping, OrderOfPicturesMatters) {
  datasets::Item ab = item_of("1", "a");
  ab.pictures.push_back(item_of("", "b").pictures.front());
  datasets::Item ba = item_of("2", "b");
  ba.pictures.push_back(item_of("", "a").pictures.front());
  EXPECT_EQ(select(dataset_of({ab, ba}), spec_of()).groups, 2U);
}

TEST(Selection, TakesARangeOfTheFile) {
  Specification spec = spec_of();
  spec.limit = ItemRange{3, 5};
  const Selection selection = select(dataset_of(items_of(10, 1)), spec);
  EXPECT_EQ(selection.positions, (std::vector<std::uint32_t>{2, 3, 4}));
}

TEST(Selection, ShufflesTheSameWayOnEveryMachine) {
  Specification spec = spec_of();
  spec.shuffle = true;
  spec.limit = ItemRange{1, 5};
  const auto dataset = dataset_of(items_of(20, 1));
  const Selection selection = select(dataset, spec);
  // Worked out by a second implementation of MT19937-64 and Fisher-Yates, in Python.
  std::vector<std::pair<std::uint32_t, std::string>> order;
  for_each_selected(dataset, selection, [&](datasets::Item&& item, const Place& place) {
    order.emplace_back(place.rank, item.id);
  });
  std::sort(order.begin(), order.end());
  std::vector<std::string> ids;
  for (const auto& [rank, id] : order) {
    ids.push_back(id);
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"p7-q0", "p1-q0", "p11-q0", "p13-q0", "p2-q0"}));
}

TEST(Selection, ShuffleOfEverythingAsksEverythingOnce) {
  Specification spec = spec_of();
  spec.shuffle = true;
  const Selection selection = select(dataset_of(items_of(7, 3)), spec);
  std::vector<std::uint32_t> ranks;
  for (const Place& place : selection.places) {
    ranks.push_back(place.rank);
  }
  std::sort(ranks.begin(), ranks.end());
  std::vector<std::uint32_t> all(21);
  std::iota(all.begin(), all.end(), 0U);
  EXPECT_EQ(ranks, all);
}

TEST(Selection, AsksInTheOrderOfASample) {
  const auto dataset =
      dataset_of({item_of("a", "x"), item_of("b", "y"), item_of("c", "x"), item_of("d", "z")});
  Specification spec = spec_of();
  spec.sample_ids = {"d", "c", "a"};
  spec.in_sample_order = true;
  const Selection selection = select(dataset, spec);
  std::map<std::uint32_t, std::string> by_rank;
  for_each_selected(dataset, selection, [&](datasets::Item&& item, const Place& place) {
    by_rank[place.rank] = item.id;
  });
  EXPECT_EQ(by_rank, (std::map<std::uint32_t, std::string>{{0, "d"}, {1, "c"}, {2, "a"}}));
}

TEST(Selection, PutsTheSystemMessageInFrontOfWhatIsAsked) {
  const auto dataset = dataset_of({item_of("a", "x")});
  Specification spec = spec_of();
  spec.system = "Answer briefly.";
  for_each_selected(dataset, select(dataset, spec), [](datasets::Item&& item, const Place&) {
    ASSERT_EQ(item.conversation.size(), 2U);
    EXPECT_EQ(item.conversation[0].role, "system");
    EXPECT_EQ(item.conversation[0].parts.at(0).text, "Answer briefly.");
    EXPECT_EQ(item.conversation[1].role, "user");
  });
}

TEST(Selection, RefusesUnknownIdsNamingAllAndTheNearest) {
  Specification spec = spec_of();
  spec.sample_ids = {"p1-q0", "p9-q0", "p1-q9"};
  try {
    select(dataset_of(items_of(2, 2)), spec);
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-SAMPLE-ID");
    EXPECT_NE(std::string(error.what()).find("p1-q9, p9-q0"), std::string::npos) << error.what();
  }
}

TEST(Selection, RefusesOneIdTwiceNamingBothLines) {
  auto items = items_of(1, 3);
  items[2].id = items[0].id;
  try {
    select(dataset_of(items), spec_of());
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-DUPLICATE-ID");
    EXPECT_NE(std::string(error.what()).find("line 1"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("line 3"), std::string::npos);
  }
}

TEST(Selection, RefusesNothingToAsk) {
  Specification spec = spec_of();
  EXPECT_THROW(select(dataset_of({}), spec), UsageError);
  spec.limit = ItemRange{5, 9};
  EXPECT_THROW(select(dataset_of(items_of(1, 3)), spec), UsageError);
}

}  // namespace
}  // namespace headroom::run
