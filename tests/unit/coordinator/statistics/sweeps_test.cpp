#include "coordinator/statistics/sweeps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

using testing::ElementsAre;

MethodSpec streaming(double ratio, std::int64_t n_sink) {
  return {"streaming_llm", "StreamingLLM", RatioBudget{ratio}, {{"n_sink", n_sink}}};
}

MethodSpec kvzap(double threshold, std::int64_t window) {
  return {"kvzap", "KVzap", ScoreThreshold{threshold, window}, {{"kvzap_n_sink", std::int64_t{0}}}};
}

MethodSpec expected(double ratio, bool use_covariance, std::int64_t n_future) {
  return {
      "expected_attention",
      "ExpectedAttention",
      RatioBudget{ratio},
      {{"n_sink", std::int64_t{0}}, {"n_future_positions", n_future}, {"use_covariance", use_covariance}}};
}

const MethodSpec kBaseline{"baseline", "Baseline", KeepAll{}, {}};

std::vector<std::string> labels(const std::vector<MethodSpec>& methods) {
  std::vector<std::string> result;
  for (const auto& sweep : sweeps_of(methods)) result.push_back(sweep.label);
  return result;
}

TEST(Sweeps, HoldInstancesThatDifferInStrengthAlone) {
  const auto sweeps = sweeps_of({kBaseline, streaming(0.2, 4), streaming(0.9, 8), kvzap(-6, 128),
                                 streaming(0.7, 4), kvzap(-4, 128), streaming(0.1, 4)});
  ASSERT_EQ(sweeps.size(), 2u);
  EXPECT_THAT(sweeps[0].points, ElementsAre(MethodIndex(1), MethodIndex(4), MethodIndex(6)));
  EXPECT_EQ(sweeps[0].method_name, "StreamingLLM");
  EXPECT_THAT(sweeps[1].points, ElementsAre(MethodIndex(3), MethodIndex(5)));
}

TEST(Sweeps, AreLabelledByWhatTellsThemApart) {
  EXPECT_THAT(labels({kBaseline, streaming(0.2, 4), streaming(0.9, 4)}), ElementsAre("StreamingLLM"));
  EXPECT_THAT(labels({kBaseline, streaming(0.2, 4), streaming(0.9, 4), streaming(0.2, 8), streaming(0.9, 8)}),
              ElementsAre("StreamingLLM n_sink 4", "StreamingLLM n_sink 8"));
  EXPECT_THAT(labels({kBaseline, kvzap(-4, 128), kvzap(-6, 128), kvzap(-4, 64), kvzap(-6, 64)}),
              ElementsAre("KVzap sliding_window_size 128", "KVzap sliding_window_size 64"));
  EXPECT_THAT(labels({kBaseline, expected(0.2, true, 512), expected(0.4, true, 512),
                      expected(0.2, false, 512), expected(0.4, false, 512)}),
              ElementsAre("ExpectedAttention use_covariance true", "ExpectedAttention use_covariance false"));
}

}  // namespace
}  // namespace kvcompare
