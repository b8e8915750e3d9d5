#include "presses/methods/tova.h"

#include <algorithm>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

// The last query's own key stays.
class Tova : public ObservingScorer {
 public:
  std::optional<std::int64_t> last_queries() const override { return 1; }
  ReceivedFrom received_from() const override { return ReceivedFrom::kAllHeads; }
  std::int64_t protected_from(std::int64_t n, std::int64_t /*budget*/) const override { return n - 1; }
  std::int64_t window() const override { return 1; }

  using ObservingScorer::score;
  void score(std::int64_t /*n*/, std::span<const std::int32_t> /*positions*/,
             std::span<const double> received, std::span<double> scores) const override {
    std::ranges::copy(received, scores.begin());
  }
};

}  // namespace

MethodDescription tova_method() {
  return {
      .name = "tova",
      .display_name = "TOVA",
      .aliases = {"TOVAPress"},
      .protects_latest = true,
      .summary =
          "attention that the last query gave, mean over all query heads of the layer; the last "
          "key stays",
      .source = "TOVA, arXiv 2401.06104",
      .make = [](const MethodSpec&, const ScorerResources&) -> Scorer { return std::make_unique<Tova>(); },
      // The last row of each event is followed.
      .cost = [](const MethodSpec&, const ModelShape&) { return MethodCost{.attention = 2}; },
      .on_device = [](const MethodSpec&) -> DeviceSchedule { return HostSchedule{}; }};
}

}  // namespace kvcompare
