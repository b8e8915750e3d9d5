#include "coordinator/plan/progress.h"

#include <sstream>

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

using namespace std::chrono_literals;

TEST(DurationText, ShowsMinutesAndHours) {
  EXPECT_EQ(duration_text(0s), "0:00");
  EXPECT_EQ(duration_text(7.4s), "0:07");
  EXPECT_EQ(duration_text(59.6s), "1:00");
  EXPECT_EQ(duration_text(754s), "12:34");
  EXPECT_EQ(duration_text(3723s), "1:02:03");
  EXPECT_EQ(duration_text(360000s), "100:00:00");
}

// of a run: share of the work, seconds left.
Outlook outlook(double share, std::optional<double> left = std::nullopt) {
  return {.share = share, .seconds_left = left};
}

TEST(ProgressLine, ShowsTheShareOfTheWorkAndTheTimeLeft) {
  EXPECT_EQ(progress_line({.n_done = 25, .n_total = 100, .outlook = outlook(0.4, 45), .elapsed = 30s}),
            "25/100 units, 40 %, elapsed 0:30, ETA 0:45");
}

TEST(ProgressLine, HasNoEtaWhereNoneIsKnown) {
  EXPECT_EQ(progress_line({.n_done = 0, .n_total = 4, .outlook = outlook(0), .elapsed = 5s}),
            "0/4 units, 0 %, elapsed 0:05");
  EXPECT_EQ(progress_line({.n_done = 4, .n_total = 4, .outlook = outlook(1), .elapsed = 5s}),
            "4/4 units, 100 %, elapsed 0:05");
}

TEST(ProgressLine, DoesNotRoundUp) {
  EXPECT_EQ(progress_line({.n_done = 3, .n_total = 4, .outlook = outlook(0.999), .elapsed = 5s}),
            "3/4 units, 99 %, elapsed 0:05");
  EXPECT_EQ(progress_line({.n_done = 0, .n_total = 4, .outlook = outlook(0.29), .elapsed = 5s}),
            "0/4 units, 29 %, elapsed 0:05");
}

TEST(ProgressLine, StandsARunWithoutUnits) {
  EXPECT_EQ(progress_line({.n_done = 0, .n_total = 0, .outlook = outlook(1), .elapsed = 0s}),
            "0/0 units, elapsed 0:00");
}

TEST(ProgressBar, FillsInProportion) {
  EXPECT_EQ(progress_bar({.n_done = 1, .n_total = 4, .outlook = outlook(0.25, 3), .elapsed = 1s}, 8),
            "[##------] 1/4 units, 25 %, elapsed 0:01, ETA 0:03");
  EXPECT_EQ(progress_bar({.n_done = 4, .n_total = 4, .outlook = outlook(1), .elapsed = 1s}, 8),
            "[########] 4/4 units, 100 %, elapsed 0:01");
  EXPECT_EQ(progress_bar({.n_done = 0, .n_total = 4, .outlook = outlook(0), .elapsed = 1s}, 3),
            "[---] 0/4 units, 0 %, elapsed 0:01");
}

TEST(ProgressLine, CountsOneUnitInTheSingular) {
  EXPECT_EQ(progress_line({.n_done = 0, .n_total = 1, .outlook = outlook(0), .elapsed = 5s}),
            "0/1 unit, 0 %, elapsed 0:05");
}

TEST(FittedProgress, SaysAsMuchAsThereIsRoomFor) {
  const ProgressState state{.n_done = 1, .n_total = 4, .outlook = outlook(0.25, 3), .elapsed = 1s};
  EXPECT_EQ(fitted_progress(state, 100),
            "[#######-----------------------] 1/4 units, 25 %, elapsed 0:01, ETA 0:03");
  EXPECT_EQ(fitted_progress(state, 60), "[####--------------] 1/4 units, 25 %, elapsed 0:01, ETA 0:03");
  EXPECT_EQ(fitted_progress(state, 50), "[##------] 1/4 units, 25 %, elapsed 0:01, ETA 0:03");
  EXPECT_EQ(fitted_progress(state, 49), "1/4 units, 25 %, elapsed 0:01, ETA 0:03");
  EXPECT_EQ(fitted_progress(state, 30), "1/4, 25 %, ETA 0:03");
  EXPECT_EQ(fitted_progress(state, 5), "1/4");
  EXPECT_EQ(fitted_progress(state, 2), "");
}

class ProgressWithClock : public testing::Test {
 protected:
  Progress make(Progress::Style style, std::int64_t n_total) {
    return Progress(
        stream_, style, n_total, [this] { return now_; }, [this] { return width_; });
  }

  std::chrono::steady_clock::time_point now_{};
  std::ostringstream stream_;
  std::optional<std::size_t> width_;
};

TEST_F(ProgressWithClock, WritesALineAfterTwoSecondsAndThenEveryTen) {
  Progress progress = make(Progress::Style::kLines, 40);
  for (int n_done = 1; n_done <= 25; ++n_done) {
    now_ += 1s;
    progress.update(n_done, n_done / 50.0);
  }
  EXPECT_EQ(stream_.str(),
            "2/40 units, 4 %, elapsed 0:02, ETA 0:48\n"
            "12/40 units, 24 %, elapsed 0:12, ETA 0:38\n"
            "22/40 units, 44 %, elapsed 0:22, ETA 0:28\n");
}

TEST_F(ProgressWithClock, FinishWritesTheLastStateOnce) {
  Progress progress = make(Progress::Style::kLines, 2);
  now_ += 1s;
  progress.update(2, 1);
  progress.finish();
  progress.finish();
  EXPECT_EQ(stream_.str(), "2/2 units, 100 %, elapsed 0:01\n");
}

TEST_F(ProgressWithClock, ABarIsRedrawnInItsLineAtMostTenTimesASecond) {
  Progress progress = make(Progress::Style::kBar, 3);
  now_ += 100ms;
  progress.update(1, 1 / 3.0);
  now_ += 50ms;
  progress.update(2, 2 / 3.0);
  EXPECT_EQ(stream_.str(), "\r[##########--------------------] 1/3 units, 33 %, elapsed 0:00, ETA 0:00");
}

TEST_F(ProgressWithClock, AShorterBarCoversTheLongerOneBefore) {
  Progress progress = make(Progress::Style::kBar, 3);
  now_ += 1s;
  progress.update(2, 2 / 3.0);
  // "... 2/3 units, 66 %, elapsed 0:01, ETA 0:00" is 10 characters longer than without ETA
  const std::size_t width = stream_.str().size() - 1;
  stream_.str("");
  progress.update(3, 1);
  progress.finish();
  const std::string last = stream_.str();
  EXPECT_EQ(last.size(), 1 + width + 1);
  EXPECT_EQ(last.find("ETA"), std::string::npos);
  EXPECT_EQ(last.back(), '\n');
}

TEST_F(ProgressWithClock, ABarLeavesTheLastColumnFreeAlsoAfterTheTerminalGotNarrower) {
  Progress progress = make(Progress::Style::kBar, 3);
  width_ = 80;
  now_ += 1s;
  progress.update(1, 1 / 3.0);
  stream_.str("");
  width_ = 40;
  now_ += 1s;
  progress.update(2, 2 / 3.0);
  EXPECT_EQ(stream_.str(), "\r" + std::string("2/3 units, 66 %, elapsed 0:02, ETA 0:01"));
  EXPECT_EQ(stream_.str().size(), 1u + 39u);
}

TEST_F(ProgressWithClock, TellsNothingIfNobodyWantsToKnow) {
  Progress progress = make(Progress::Style::kNothing, 3);
  now_ += 100s;
  progress.update(1, 1 / 3.0);
  progress.finish();
  EXPECT_EQ(stream_.str(), "");
}

}  // namespace
}  // namespace kvcompare
