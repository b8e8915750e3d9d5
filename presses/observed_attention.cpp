#include "presses/observed_attention.h"

#include <ATen/TensorOperators.h>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

class ObservedAttention : public ObservingScorer {
 public:
  at::Tensor score(std::int64_t n, const at::Tensor& positions, const at::Tensor& received) const override {
    return received.mean(0) / (n - positions);
  }
};

}  // namespace

Scorer make_observed_attention(const ScorerParameters&, const ScorerResources&) {
  return std::make_unique<ObservedAttention>();
}

}  // namespace kvcompare
