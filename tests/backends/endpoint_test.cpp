#include "endpoint.h"

#include <gtest/gtest.h>

namespace headroom::backends {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{1h};

Endpoint endpoint_of(std::uint32_t slots) { return {"http://a/v1", slots, 1s, 4s}; }

TEST(Endpoint, IsAskedUntilItIsFull) {
  Endpoint endpoint = endpoint_of(2);
  EXPECT_TRUE(endpoint.may_ask(kStart));
  endpoint.begin();
  endpoint.begin();
  EXPECT_FALSE(endpoint.may_ask(kStart));
  endpoint.end();
  EXPECT_TRUE(endpoint.may_ask(kStart));
}

TEST(Endpoint, IsLookedAtAfterLongerAndLongerPauses) {
  Endpoint endpoint = endpoint_of(1);
  TimePoint now = kStart;
  for (const Duration pause : {1s, 2s, 4s, 4s}) {
    endpoint.missing(now);
    EXPECT_FALSE(endpoint.up());
    EXPECT_EQ(endpoint.next_change(now), now + pause);
    EXPECT_FALSE(endpoint.wants_look(now + pause - 1ms));
    now += pause;
    EXPECT_TRUE(endpoint.wants_look(now));
  }
  EXPECT_TRUE(endpoint.found());
  EXPECT_TRUE(endpoint.may_ask(now));
  endpoint.answered();
  EXPECT_TRUE(endpoint.missing(now));
  EXPECT_EQ(endpoint.next_change(now), now + Duration(1s));
}

TEST(Endpoint, CountsManyThatMissItAtOnceAsOne) {
  Endpoint endpoint = endpoint_of(4);
  EXPECT_TRUE(endpoint.missing(kStart));
  EXPECT_FALSE(endpoint.missing(kStart));
  EXPECT_EQ(endpoint.next_change(kStart), kStart + Duration(1s));
}

TEST(Endpoint, KeepsQuietAsLongAsItAsksFor) {
  Endpoint endpoint = endpoint_of(1);
  endpoint.be_quiet(kStart + Duration(5s));
  endpoint.be_quiet(kStart + Duration(2s));
  EXPECT_FALSE(endpoint.may_ask(kStart + Duration(4s)));
  EXPECT_EQ(endpoint.next_change(kStart), kStart + Duration(5s));
  EXPECT_TRUE(endpoint.may_ask(kStart + Duration(5s)));
}

TEST(Endpoint, IsTakenOutAfterFailuresInARowWhereThereAreOthers) {
  Endpoint endpoint = endpoint_of(1);
  EXPECT_FALSE(endpoint.failed(kStart, true));
  endpoint.answered();
  EXPECT_FALSE(endpoint.failed(kStart, true));
  EXPECT_FALSE(endpoint.failed(kStart, true));
  EXPECT_TRUE(endpoint.failed(kStart, true));
  Endpoint only = endpoint_of(1);
  for (int i = 0; i < 9; ++i) {
    EXPECT_FALSE(only.failed(kStart, false));
  }
  EXPECT_TRUE(only.up());
}

TEST(Endpoint, StaysOutOnceRemoved) {
  Endpoint endpoint = endpoint_of(1);
  endpoint.remove();
  EXPECT_FALSE(endpoint.missing(kStart));
  EXPECT_FALSE(endpoint.found());
  EXPECT_FALSE(endpoint.may_ask(kStart));
  EXPECT_FALSE(endpoint.wants_look(kStart + Duration(1h)));
}

}  // namespace
}  // namespace headroom::backends
