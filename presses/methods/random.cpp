#include "presses/methods/random.h"

#include <ATen/ops/empty.h>

#include "common/philox.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

struct RandomParameters {
  std::uint64_t seed = 42;
};

void visit_parameters(auto& parameters, const auto& visit) {
  visit(parameters.seed, {.name = "seed",
                          .section = "Methods",
                          .help = "Of the method random.",
                          .most = std::numeric_limits<std::uint64_t>::max()});
}

class Random : public FixedScorer {
 public:
  explicit Random(std::uint64_t seed) : seed_(seed) {}

  Needs needs() const override { return {}; }

  at::Tensor score(const LayerView& tokens) const override {
    const auto n_kv_heads = tokens.n_kv_heads;
    const auto n_tokens = tokens.n_tokens;
    auto scores = at::empty({n_kv_heads, n_tokens}, at::kDouble);
    auto row = scores.accessor<double, 2>();
    for (std::int64_t h = 0; h < n_kv_heads; ++h)
      for (std::int64_t t = 0; t < n_tokens; ++t)
        row[h][t] = uniform(tokens.sample, tokens.layer.value * n_kv_heads + h, tokens.first_position + t);
    return scores.to(tokens.device);
  }

 private:
  double uniform(SampleIndex sample, std::int64_t head, std::int64_t position) const {
    const auto low = static_cast<std::uint64_t>(head) << 32 | static_cast<std::uint64_t>(position);
    return philox_uniform(seed_, static_cast<std::uint64_t>(sample.value), low);
  }

  std::uint64_t seed_;
};

}  // namespace

MethodDescription random_method() {
  return {.name = "random",
          .display_name = "Random",
          .aliases = {"RandomPress"},
          .in_all = true,
          .parameters = described<RandomParameters>(),
          .summary = "uniform random number of (seed, sample, layer, KV head, position)",
          .source = "Philox4x32-10, SC 2011",
          .make = [](const MethodSpec& method, const ScorerResources&) -> Scorer {
            return std::make_unique<Random>(parameters_of<RandomParameters>(method).seed);
          },
          .on_device = [](const MethodSpec& method) -> DeviceSchedule {
            return PhiloxScores{parameters_of<RandomParameters>(method).seed};
          }};
}

}  // namespace kvcompare
