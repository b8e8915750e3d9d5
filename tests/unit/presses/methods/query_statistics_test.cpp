#include "presses/methods/query_statistics.h"

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>

namespace kvcompare {
namespace {

TEST(QueryStatistics, MatchTheTwoPassFormulasFarFromTheOrigin) {
  const std::int64_t n = 50, d = 5;
  const auto q = at::randn({2, n, d}, at::kDouble) + 1e6;
  QueryStatistics statistics;
  for (const auto& [first, length] : {std::pair{0, 1}, {1, 1}, {2, 30}, {32, 18}})
    statistics.append(q.narrow(1, first, length));
  EXPECT_EQ(statistics.n_queries(), n);
  const auto cov = statistics.covariance(1, 1)[0];
  for (std::int64_t a = 0; a < d; ++a)
    for (std::int64_t b = 0; b < d; ++b) {
      double mean_a = 0, mean_b = 0, expected = 0;
      for (std::int64_t s = 0; s < n; ++s) {
        mean_a += q[1][s][a].item<double>() / static_cast<double>(n);
        mean_b += q[1][s][b].item<double>() / static_cast<double>(n);
      }
      for (std::int64_t s = 0; s < n; ++s)
        expected += (q[1][s][a].item<double>() - mean_a) * (q[1][s][b].item<double>() - mean_b) /
                    static_cast<double>(n);
      EXPECT_NEAR(cov[a][b].item<double>(), expected, 1e-8);
      EXPECT_NEAR(statistics.mean()[1][a].item<double>(), mean_a, 1e-8);
    }
}

}  // namespace
}  // namespace kvcompare
