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

MethodDescription observed_attention_method() {
  return {.name = "observed_attention",
          .display_name = "ObservedAttention",
          .aliases = {"ObservedAttentionPress"},
          .summary = "attention received so far, divided by the number of queries that could have given it",
          .source = "related to H2O, arXiv 2306.14048",
          .make = [](const MethodSpec&, const ScorerResources&) -> Scorer {
            return std::make_unique<ObservedAttention>();
          },
          // Rows are followed one after the other.
          .cost = [](const MethodSpec&, const ModelShape&) { return MethodCost{.attention = 2}; },
          .on_device = [](const MethodSpec&) -> DeviceSchedule { return MeanAttentionReceived{}; },
          .include = {"include_observed_attention",
                      "Adds ObservedAttention, which must look at every attention weight."}};
}

}  // namespace kvcompare
