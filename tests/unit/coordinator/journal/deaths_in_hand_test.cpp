#include "coordinator/journal/deaths_in_hand.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

UnitId unit(std::int64_t sample, std::int64_t method = 0) {
  return {SampleIndex(sample), MethodIndex(method)};
}

using Counts = std::map<UnitId, Deaths>;

TEST(DeathsInHand, CountsWhatWasAssignedAndNotAnswered) {
  DeathsInHand hand;
  hand.assigned({unit(0), unit(1)}, false);
  hand.assigned({unit(2)}, false);
  hand.answered(unit(1));
  hand.session_is_over();
  EXPECT_EQ(hand.deaths(), (Counts{{unit(0), {1, 0}}, {unit(2), {1, 0}}}));
  hand.session_is_over();  // nothing was in hand
  hand.assigned({unit(0)}, false);
  hand.session_is_over();
  EXPECT_EQ(hand.deaths(), (Counts{{unit(0), {2, 0}}, {unit(2), {1, 0}}}));
  EXPECT_TRUE(runs_alone(hand.deaths().at(unit(0))));
  EXPECT_FALSE(runs_alone(hand.deaths().at(unit(2))));
}

TEST(DeathsInHand, GivesUpAUnitThatWasAloneTwice) {
  DeathsInHand hand;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(i > 0 && is_deadly(hand.deaths().at(unit(0))));
    hand.assigned({unit(0)}, true);
    hand.session_is_over();
  }
  EXPECT_TRUE(is_deadly(hand.deaths().at(unit(0))));
  EXPECT_EQ(reason_of(hand.deaths().at(unit(0))),
            "the process died 2 times while it evaluated this unit, 2 of them with nothing else in hand");
}

TEST(DeathsInHand, BlamesNobodyForAnEndThatWasAsked) {
  DeathsInHand hand;
  hand.assigned({unit(0)}, true);
  hand.excused();
  hand.session_is_over();
  EXPECT_TRUE(hand.deaths().empty());
}

TEST(DeathsInHand, ForgetsAUnitThatIsSettled) {
  DeathsInHand hand;
  hand.assigned({unit(0)}, false);
  hand.session_is_over();
  hand.settled(unit(0));
  EXPECT_TRUE(hand.deaths().empty());
}

TEST(DeathsInHand, FollowsInstancesToTheirNewPlaces) {
  DeathsInHand hand;
  hand.assigned({unit(0, 1)}, false);
  hand.session_is_over();
  hand.assigned({unit(4, 1)}, false);
  hand.renumber([](UnitId one) { return UnitId{one.sample, MethodIndex(one.method.value + 1)}; });
  hand.session_is_over();
  EXPECT_EQ(hand.deaths(), (Counts{{unit(0, 2), {1, 0}}, {unit(4, 2), {1, 0}}}));
}

}  // namespace
}  // namespace kvcompare
