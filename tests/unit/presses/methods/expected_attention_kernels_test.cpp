#include "presses/methods/expected_attention_kernels.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/property/random_model.h"
#include "tests/support/simd_targets.h"

namespace kvcompare {
namespace {

using Row = std::vector<double>;
using Matrix = std::vector<Row>;
const std::vector<std::size_t> kHeadSizes = {2, 4, 6, 8, 10, 14, 16, 18, 34, 64, 128};

Matrix zeros(std::size_t n) { return Matrix(n, Row(n, 0)); }

// The order in which the header lists the channel pairs.
std::vector<std::pair<std::size_t, std::size_t>> channel_pairs(std::size_t d) {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t a = 0; a < d / 2; ++a)
    for (const auto& [up, right] :
         {std::pair{a, std::size_t{0}}, {a, d / 2}, {a + d / 2, 0}, {a + d / 2, d / 2}})
      for (std::size_t b = a; b < d / 2; ++b) pairs.emplace_back(up, b + right);
  return pairs;
}

Row in_pairs(const Matrix& matrix) {
  Row row;
  for (const auto& [i, j] : channel_pairs(matrix.size())) row.push_back(matrix[i][j]);
  return row;
}

Matrix product(const Matrix& a, const Matrix& b) {
  auto c = zeros(a.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a.size(); ++j)
      for (std::size_t k = 0; k < a.size(); ++k) c[i][j] += a[i][k] * b[k][j];
  return c;
}

Matrix transposed(const Matrix& a) {
  auto t = zeros(a.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a.size(); ++j) t[j][i] = a[i][j];
  return t;
}

Matrix rotation_matrix(const Row& cos, const Row& sin) {
  const auto h = cos.size();
  auto r = zeros(2 * h);
  for (std::size_t c = 0; c < h; ++c) {
    r[c][c] = r[c + h][c + h] = cos[c];
    r[c][c + h] = -sin[c];
    r[c + h][c] = sin[c];
  }
  return r;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

class ExpectedAttentionKernels : public testing::Test {
 protected:
  ExpectedAttentionKernels()
      : trace_(__FILE__, __LINE__, "KVCOMPARE_TEST_SEED=" + std::to_string(property_seed())),
        generator_(property_seed()) {
    RecordProperty("seed", std::to_string(property_seed()));
  }

  Row draw(std::size_t n, double mean = 0, double scale = 1) {
    std::normal_distribution<double> normal(mean, scale);
    Row row(n);
    for (auto& x : row) x = normal(generator_);
    return row;
  }

  Matrix draw_symmetric(std::size_t d) {
    auto matrix = zeros(d);
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j <= i; ++j) matrix[i][j] = matrix[j][i] = draw(1)[0];
    return matrix;
  }

  testing::ScopedTrace trace_;
  std::mt19937_64 generator_;
};

TEST_F(ExpectedAttentionKernels, HoldFourRowsForEveryPairOfChannels) {
  EXPECT_EQ(n_pair_products(2), 4u);   // a = 0: 4 * 1
  EXPECT_EQ(n_pair_products(4), 12u);  // 4 * 2 + 4 * 1
  for (const auto d : kHeadSizes) EXPECT_EQ(n_pair_products(d), channel_pairs(d).size());
}

TEST_F(ExpectedAttentionKernels, MultiplyAKeyByItself) {
  Row products(12, -1);
  key_products(Row{2, 3, 5, 7}, products);
  EXPECT_EQ(products, (Row{4, 6, 10, 14, 10, 15, 25, 35, 9, 21, 21, 49}));
}

TEST_F(ExpectedAttentionKernels, MultiplyAKeyByItselfInEveryHeadSize) {
  on_every_simd_target([&] {
    for (const auto d : kHeadSizes) {
      const FencedArray<double> k(draw(d)), products(Row(n_pair_products(d), -1));
      key_products(k.span(), products.span());
      const auto pairs = channel_pairs(d);
      for (std::size_t i = 0; i < pairs.size(); ++i)
        ASSERT_EQ(products[i], k[pairs[i].first] * k[pairs[i].second]) << i << " of " << d << " channels";
    }
  });
}

// Queries (1, 2), (3, 2), (2, 8): means (1, 2), (2, 2), (2, 4); deviations (-1, -2), (1, -2), (0, 4) at last.
TEST_F(ExpectedAttentionKernels, AddQueriesToMeanAndScatter) {
  Row mean(2, 0), scatter(4, 0);
  add_query(Row{1, 2}, 1, mean, scatter);
  EXPECT_EQ(mean, (Row{1, 2}));
  EXPECT_EQ(scatter, (Row{0, 0, 0, 0}));
  add_query(Row{3, 2}, 2, mean, scatter);
  EXPECT_EQ(mean, (Row{2, 2}));
  EXPECT_EQ(scatter, (Row{2, 0, 0, 0}));
  add_query(Row{2, 8}, 3, mean, scatter);
  EXPECT_DOUBLE_EQ(mean[0], 2);
  EXPECT_DOUBLE_EQ(mean[1], 4);
  EXPECT_DOUBLE_EQ(scatter[0], 2);
  EXPECT_NEAR(scatter[1], 0, 1e-15);
  EXPECT_NEAR(scatter[2], 0, 1e-15);
  EXPECT_NEAR(scatter[3], 24, 1e-13);
}

// In two passes: the mean, then the deviations from it. With a mean of 10^6 a difference of sums of squares
// would be off by 10^-3.
TEST_F(ExpectedAttentionKernels, AddQueriesAsPreciselyAsTwoPasses) {
  on_every_simd_target([&] {
    for (const auto d : kHeadSizes)
      for (const double offset : {0.0, 1e6}) {
        const FencedArray<double> mean(Row(d, 0)), scatter(Row(n_pair_products(d), 0));
        Matrix queries;
        for (double n = 1; n <= 17; ++n) {
          queries.push_back(draw(d, offset));
          const FencedArray<double> q(queries.back());
          add_query(q.span(), n, mean.span(), scatter.span());
        }
        Row expected_mean(d, 0);
        for (std::size_t c = 0; c < d; ++c)
          for (const auto& q : queries) expected_mean[c] += q[c] / 17;
        const auto tolerance = offset == 0 ? 1e-12 : 1e-7;
        for (std::size_t c = 0; c < d; ++c)
          ASSERT_NEAR(mean[c], expected_mean[c], tolerance) << d << " channels";
        const auto pairs = channel_pairs(d);
        for (std::size_t i = 0; i < pairs.size(); ++i) {
          const auto& [a, b] = pairs[i];
          double expected = 0;
          for (const auto& q : queries) expected += (q[a] - expected_mean[a]) * (q[b] - expected_mean[b]);
          ASSERT_NEAR(scatter[i], expected, tolerance) << i << " of " << d << " channels";
        }
      }
  });
}

// cos 0, sin 1 turns channel 0 to 1 and channel 1 to -0: (1 2; 2 5) becomes (5 -2; -2 1).
TEST_F(ExpectedAttentionKernels, TurnACovarianceByARightAngle) {
  Row rotated(4, -9);
  rotate_covariance(Row{1, 2, 2, 5}, 0.5, Row{0}, Row{1}, rotated);
  EXPECT_EQ(rotated, (Row{2.5, -1, -1, 0.5}));
}

TEST_F(ExpectedAttentionKernels, WeighPairsOfDifferentIndexTwice) {
  Row rotated(12, -9);
  rotate_covariance(Row{1, 2, 3, 4, 3, 5, 6, 7, 8, 9, 9, 10}, 1, Row{1, 1}, Row{0, 0}, rotated);
  EXPECT_EQ(rotated, (Row{1, 4, 3, 8, 3, 10, 6, 14, 8, 9, 9, 10}));
}

// R need not be a rotation: a mean of rotations shortens.
TEST_F(ExpectedAttentionKernels, TurnACovarianceInEveryHeadSize) {
  on_every_simd_target([&] {
    for (const auto d : kHeadSizes) {
      const auto covariance = draw_symmetric(d);
      const Row cos = draw(d / 2), sin = draw(d / 2);
      const auto r = rotation_matrix(cos, sin);
      const auto expected = product(product(r, covariance), transposed(r));
      const FencedArray<double> scatter(in_pairs(covariance)), fenced_cos(cos), fenced_sin(sin);
      const FencedArray<double> rotated(Row(n_pair_products(d), -9));
      rotate_covariance(scatter.span(), 0.3, fenced_cos.span(), fenced_sin.span(), rotated.span());
      const auto pairs = channel_pairs(d);
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto& [a, b] = pairs[i];
        const auto weight = a % (d / 2) == b % (d / 2) ? 0.3 : 0.6;
        ASSERT_NEAR(rotated[i], weight * expected[a][b], 1e-12) << i << " of " << d << " channels";
      }
    }
  });
}

TEST_F(ExpectedAttentionKernels, MakeTheQuadraticFormOfAKeyADotProduct) {
  for (const auto d : kHeadSizes) {
    const auto covariance = draw_symmetric(d);
    const Row k = draw(d), cos = draw(d / 2), sin = draw(d / 2);
    const auto r = rotation_matrix(cos, sin);
    const auto turned = product(product(r, covariance), transposed(r));
    double expected = 0;
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) expected += k[i] * turned[i][j] * k[j];
    Row rotated(n_pair_products(d)), products(n_pair_products(d));
    rotate_covariance(in_pairs(covariance), 1, cos, sin, rotated);
    key_products(k, products);
    EXPECT_NEAR(dot(rotated, products), expected, 1e-11 * static_cast<double>(d * d)) << d << " channels";
  }
}

TEST_F(ExpectedAttentionKernels, AverageSoftmaxesInTheLogDomain) {
  Row z{0, std::log(3), std::log(3), 0}, scores(2);  // (1/4, 3/4) and (3/4, 1/4)
  log_mean_softmax(z, 2, scores);
  EXPECT_NEAR(scores[0], std::log(0.5), 1e-15);
  EXPECT_NEAR(scores[1], std::log(0.5), 1e-15);
  Row alone{-7}, score(1);
  log_mean_softmax(alone, 1, score);
  EXPECT_EQ(score[0], 0);
}

// 0.5 * (e^-1000 + e^-1002): far below what a double can hold.
TEST_F(ExpectedAttentionKernels, AverageSoftmaxesBelowTheRangeOfDoubles) {
  on_every_simd_target([&] {
    Row z{0, -1000, 3, -999}, scores(2);
    log_mean_softmax(z, 2, scores);
    EXPECT_NEAR(scores[0], 0, 1e-15);
    EXPECT_NEAR(scores[1], -1000 + std::log((1 + std::exp(-2)) / 2), 1e-12);
  });
}

// In long double, whose exp reaches down to e^-11000.
TEST_F(ExpectedAttentionKernels, AverageSoftmaxesOfEveryLength) {
  on_every_simd_target([&] {
    for (const std::size_t n_heads : {1, 2, 4, 7})
      for (std::size_t n = 1; n <= 40; ++n)
        for (const double scale : {1.0, 30.0, 700.0}) {
          const auto z = draw(n_heads * n, 0, scale);
          std::vector<long double> expected(n, 0);
          for (std::size_t head = 0; head < n_heads; ++head) {
            const std::span row(z.data() + head * n, n);
            const long double highest = std::ranges::max(row);
            long double sum = 0;
            for (const auto x : row) sum += std::exp(x - highest);
            for (std::size_t j = 0; j < n; ++j)
              expected[j] += std::exp(row[j] - highest) / sum / static_cast<long double>(n_heads);
          }
          const FencedArray<double> fenced(z), scores(Row(n, -1));
          log_mean_softmax(fenced.span(), n_heads, scores.span());
          for (std::size_t j = 0; j < n; ++j) {
            const auto log = static_cast<double>(std::log(expected[j]));
            ASSERT_NEAR(scores[j], log, 1e-14 * (scale + std::abs(log)) * 4)
                << j << " of " << n << " keys, " << n_heads << " heads, scale " << scale;
          }
        }
  });
}

// A NaN in any one head makes every score NaN: the policy then refuses them.
TEST(LogMeanSoftmax, LosesNoNanInAnyHead) {
  on_every_simd_target([] {
    for (const std::size_t n_heads : {1, 2, 3, 4, 7})
      for (std::size_t bad = 0; bad < n_heads; ++bad) {
        constexpr std::size_t kKeys = 11;
        std::vector<double> z(n_heads * kKeys, 0.5), scores(kKeys);
        z[bad * kKeys + 9] = std::numeric_limits<double>::quiet_NaN();
        log_mean_softmax(z, n_heads, scores);
        for (const double score : scores) EXPECT_TRUE(std::isnan(score)) << bad << " of " << n_heads;
      }
  });
}

}  // namespace
}  // namespace kvcompare
