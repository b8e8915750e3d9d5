#include "presses/methods/observed_attention.h"

#include <ATen/TensorOperators.h>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

class ObservedAttention : public ObservingScorer {
 public:
  at::Tensor score(std::int64_t n, const at::Tensor& positions, const at::Tensor& received) const override {
    return received.mean(0) / (n - positions);
  }

  void score(std::int64_t n, std::span<const std::int32_t> positions, std::span<const double> received,
             std::span<double> scores) const override {
    for (std::size_t j = 0; j < positions.size(); ++j)
      scores[j] = received[j] / static_cast<double>(static_cast<std::int32_t>(n) - positions[j]);
  }
};

}  // namespace

Scorer make_observed_attention(const ScorerParameters&, const ScorerResources&) {
  return std::make_unique<ObservedAttention>();
}

}  // namespace kvcompare
