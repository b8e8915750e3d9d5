// The running mean and biased covariance of the queries of one layer, for each query head, in float64. Blocks
// are merged one after the other (Chan, Golub, LeVeque 1979), so that no two large numbers are subtracted.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace kvcompare {

class QueryStatistics {
 public:
  void append(const at::Tensor& q);  // [n_heads, n_tokens, d_head], any precision; n_tokens >= 1

  std::int64_t n_queries() const { return n_; }
  const at::Tensor& mean() const { return mean_; }  // [n_heads, d_head]
  // For heads first_head ... first_head + n_heads - 1; [n_heads, d_head, d_head].
  at::Tensor covariance(std::int64_t first_head, std::int64_t n_heads) const;

 private:
  std::int64_t n_ = 0;
  at::Tensor mean_;
  at::Tensor scatter_;  // [n_heads, d_head, d_head], sum of outer products of deviations from the mean
};

}  // namespace kvcompare
