#include "launch/session/work_beside.h"

#include <latch>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

TEST(WhileAnotherThreadWorks, GivesWhatTheWorkGivesAndTellsHowFarItIs) {
  std::int64_t last_seen = 0;
  const auto seen_by_other = std::make_shared<std::latch>(1);
  const int value = while_another_thread_works<int>(
      [seen_by_other](std::atomic<std::int64_t>& n_done) {
        n_done = 7;
        seen_by_other->wait();
        return 42;
      },
      [&](std::int64_t n_done) {
        if (n_done == 7 && last_seen != 7) seen_by_other->count_down();
        last_seen = n_done;
      });
  EXPECT_EQ(value, 42);
  EXPECT_EQ(last_seen, 7);
}

TEST(WhileAnotherThreadWorks, ThrowsWhatTheWorkThrows) {
  EXPECT_THROW(while_another_thread_works<int>([](auto&) -> int { throw std::domain_error("no fit"); },
                                               [](std::int64_t) {}),
               std::domain_error);
}

// The work here ends only after the exception has come through.
TEST(WhileAnotherThreadWorks, DoesNotWaitForTheWorkIfTheCallerFailsMeanwhile) {
  const auto may_end = std::make_shared<std::latch>(1), has_ended = std::make_shared<std::latch>(1);
  EXPECT_THROW(while_another_thread_works<int>(
                   [may_end, has_ended](auto&) {
                     may_end->wait();
                     has_ended->count_down();
                     return 1;
                   },
                   [](std::int64_t) { throw std::runtime_error("a rank is silent"); }),
               std::runtime_error);
  may_end->count_down();
  has_ended->wait();
}

}  // namespace
}  // namespace kvcompare
