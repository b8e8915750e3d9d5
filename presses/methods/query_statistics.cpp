#include "presses/methods/query_statistics.h"

#include <ATen/TensorOperators.h>

namespace kvcompare {

void QueryStatistics::append(const at::Tensor& q) {
  const auto block = q.to(at::kDouble);
  const auto n_block = block.size(1);
  const auto mean = block.mean(1);
  const auto deviation = block - mean.unsqueeze(1);
  const auto scatter = deviation.transpose(1, 2).matmul(deviation);
  if (n_ == 0) {
    mean_ = mean;
    scatter_ = scatter;
  } else {
    const auto n = static_cast<double>(n_ + n_block);
    const auto shift = mean - mean_;
    const auto weight = static_cast<double>(n_) * static_cast<double>(n_block) / n;
    scatter_ = scatter_ + scatter + shift.unsqueeze(2) * shift.unsqueeze(1) * weight;
    mean_ = mean_ + shift * (static_cast<double>(n_block) / n);
  }
  n_ += n_block;
}

at::Tensor QueryStatistics::covariance(std::int64_t first_head, std::int64_t n_heads) const {
  return scatter_.narrow(0, first_head, n_heads) / static_cast<double>(n_);
}

}  // namespace kvcompare
