#include "presses/methods/kvzap.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include "common/errors.h"
#include "presses/methods/kvzap_surrogate.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

struct KvzapParameters {
  std::string kvzap_scorer_model = "nvidia/KVzap-mlp-Llama-3.1-8B-Instruct";  // folder or hub id
  std::string kvzap_model_type;  // mlp | linear; what the scorer says if empty
  std::int64_t kvzap_n_sink = 0;
};

void visit_parameters(auto& parameters, const auto& visit) {
  constexpr std::string_view kSection = "KVzap";
  visit(parameters.kvzap_scorer_model,
        {.name = "kvzap_scorer_model",
         .section = kSection,
         .help = "Trained scorer, which must fit the model: a folder or a hub id."});
  visit(parameters.kvzap_model_type,
        {.name = "kvzap_model_type",
         .section = kSection,
         .help = "Kind of scorer. A contradiction to what the scorer says is an error.",
         .absent = "what the scorer says",
         .choices = {"mlp", "linear"}});
  visit(parameters.kvzap_n_sink, {.name = "kvzap_n_sink",
                                  .section = kSection,
                                  .unit = "tokens",
                                  .help = "First positions that KVzap never evicts."});
}

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

Scorer make(const MethodSpec& method, const ScorerResources& resources) {
  const auto place = parameters_of<KvzapParameters>(method).kvzap_scorer_model;
  require(resources.trained != nullptr, "kvzap: no surrogate was loaded");
  const auto surrogate = resources.trained->find(place);
  require(surrogate != resources.trained->end(), "kvzap: no surrogate was loaded from " + place);
  return std::make_unique<Kvzap>(surrogate->second);
}

}  // namespace

at::Tensor predict(const KvzapSurrogate::Layer& layer, const at::Tensor& hidden) {
  const auto& linears = layer.linears;
  auto x = hidden.to(linears.front().weight.scalar_type());
  x = at::linear(x, linears.front().weight, linears.front().bias);
  for (std::size_t i = 1; i < linears.size(); ++i)
    x = at::linear(at::gelu(x), linears[i].weight, linears[i].bias);
  return x;
}

MethodDescription kvzap_method() {
  return {.name = "kvzap",
          .display_name = "KVzap",
          .aliases = {"KVzapPress", "DMSPress"},
          .policy = DefaultPolicy::kThreshold,
          .in_all = true,
          .parameters = described<KvzapParameters>(),
          .summary = "score of a trained surrogate of KVzip+, from the input of the attention block",
          .source = "KVzap, arXiv 2601.07891; threshold policy: DMS, arXiv 2506.05345",
          .make = make,
          .on_device = [](const MethodSpec&) -> DeviceSchedule { return TokenScores{}; }};
}

}  // namespace kvcompare
