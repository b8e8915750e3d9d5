#include "presses/methods/kvzap.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include "common/errors.h"
#include "presses/methods/kvzap_surrogate.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

class Kvzap : public FixedScorer {
 public:
  explicit Kvzap(const KvzapSurrogate& surrogate) : surrogate_(surrogate) {}

  Needs needs() const override { return {.hidden = true}; }

  at::Tensor score(const LayerView& tokens) const override {
    const auto& layer = surrogate_.layers.at(static_cast<std::size_t>(tokens.layer.value));
    return predict(layer, tokens.hidden).t().to(at::kDouble);
  }

 private:
  const KvzapSurrogate& surrogate_;
};

}  // namespace

at::Tensor predict(const KvzapSurrogate::Layer& layer, const at::Tensor& hidden) {
  const auto& linears = layer.linears;
  auto x = at::linear(hidden, linears.front().weight, linears.front().bias);
  for (std::size_t i = 1; i < linears.size(); ++i)
    x = at::linear(at::gelu(x), linears[i].weight, linears[i].bias);
  return x;
}

Scorer make_kvzap(const ScorerParameters& parameters, const ScorerResources& resources) {
  require(resources.kvzap != nullptr, "kvzap: no surrogate was loaded");
  const auto surrogate = resources.kvzap->find(parameters.kvzap_scorer_model);
  require(surrogate != resources.kvzap->end(),
          "kvzap: no surrogate was loaded from " + parameters.kvzap_scorer_model);
  return std::make_unique<Kvzap>(surrogate->second);
}

}  // namespace kvcompare
