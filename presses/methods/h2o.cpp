#include "presses/methods/h2o.h"

#include <algorithm>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

struct H2oParameters {
  double recent_share = 0.5;
};

void visit_parameters(auto& parameters, const auto& visit) {
  visit(parameters.recent_share, {.name = "recent_share",
                                  .unit = "of the budget",
                                  .help = "h2o: share of the kept keys that are the most recent ones.",
                                  .least_real = 0,
                                  .most_real = 1});
}

class H2o : public ObservingScorer {
 public:
  explicit H2o(const H2oParameters& parameters) : parameters_(parameters) {}

  std::int64_t protected_from(std::int64_t n, std::int64_t budget) const override {
    return n - static_cast<std::int64_t>(static_cast<double>(budget) * parameters_.recent_share);
  }

  using ObservingScorer::score;
  void score(std::int64_t /*n*/, std::span<const std::int32_t> /*positions*/,
             std::span<const double> received, std::span<double> scores) const override {
    std::ranges::copy(received, scores.begin());
  }

 private:
  const H2oParameters parameters_;
};

}  // namespace

MethodDescription h2o_method() {
  return {.name = "h2o",
          .display_name = "H2O",
          .protects_latest = true,
          .parameters = described<H2oParameters>(),
          .summary = "attention received so far; the most recent keys stay, recent_share of the budget",
          .source = "H2O, arXiv 2306.14048",
          .make = [](const MethodSpec& method, const ScorerResources&) -> Scorer {
            return std::make_unique<H2o>(parameters_of<H2oParameters>(method));
          },
          // Rows are followed one after the other.
          .cost = [](const MethodSpec&, const ModelShape&) { return MethodCost{.attention = 2}; },
          .on_device = [](const MethodSpec&) -> DeviceSchedule { return HostSchedule{}; }};
}

}  // namespace kvcompare
