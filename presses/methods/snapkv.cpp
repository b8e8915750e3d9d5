#include "presses/methods/snapkv.h"

#include <algorithm>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

struct SnapKvParameters {
  std::int64_t window_size = 64;
  std::int64_t kernel_size = 5;
};

void visit_parameters(auto& parameters, const auto& visit) {
  visit(parameters.window_size,
        {.name = "window_size",
         .unit = "tokens",
         .help = "snapkv: the latest queries, whose attention counts; their keys stay.",
         .least = 1});
  visit(parameters.kernel_size, {.name = "kernel_size",
                                 .unit = "keys",
                                 .help = "snapkv: neighbours over which the attention is averaged.",
                                 .least = 1});
}

class SnapKv : public ObservingScorer {
 public:
  explicit SnapKv(const SnapKvParameters& parameters) : parameters_(parameters) {}

  std::optional<std::int64_t> last_queries() const override { return parameters_.window_size; }
  std::int64_t protected_from(std::int64_t n, std::int64_t /*budget*/) const override {
    return n - parameters_.window_size;
  }
  std::int64_t window() const override { return parameters_.window_size; }

  // Neighbours are added from left to right, so that keys with the same neighbours have the same score.
  using ObservingScorer::score;
  void score(std::int64_t n, std::span<const std::int32_t> positions, std::span<const double> received,
             std::span<double> scores) const override {
    const auto n_queries = std::min(parameters_.window_size, n);
    const auto before = std::ranges::lower_bound(positions, n - parameters_.window_size) - positions.begin();
    std::ranges::fill(scores, 0);
    const auto reach = parameters_.kernel_size / 2;
    for (std::int64_t o = -reach; o < parameters_.kernel_size - reach; ++o)
      for (auto i = std::max<std::int64_t>(0, -o); i < before - std::max<std::int64_t>(0, o); ++i)
        scores[static_cast<std::size_t>(i)] += received[static_cast<std::size_t>(i + o)];
    const auto factor = 1 / static_cast<double>(n_queries * parameters_.kernel_size);
    for (auto& score : scores.first(static_cast<std::size_t>(before))) score *= factor;
  }

 private:
  const SnapKvParameters parameters_;
};

}  // namespace

MethodDescription snapkv_method() {
  return {
      .name = "snapkv",
      .display_name = "SnapKV",
      .aliases = {"SnapKVPress"},
      .variants = {{"adakv", "AdaKV", "AdaKV, arXiv 2407.11550", {{"head_budgets", "adaptive"}}},
                   {"pyramidkv", "PyramidKV", "PyramidKV, arXiv 2406.02069", {{"layer_budgets", "pyramid"}}},
                   {"ada_pyramidkv",
                    "Ada-PyramidKV",
                    "AdaKV, arXiv 2407.11550",
                    {{"layer_budgets", "pyramid"}, {"head_budgets", "adaptive"}}}},
      .protects_latest = true,
      .parameters = described<SnapKvParameters>(),
      .summary =
          "attention that the last window_size queries gave, averaged over kernel_size neighbours; "
          "the last window_size keys stay",
      .source = "SnapKV, arXiv 2404.14469",
      .make = [](const MethodSpec& method, const ScorerResources&) -> Scorer {
        return std::make_unique<SnapKv>(parameters_of<SnapKvParameters>(method));
      },
      // Rows are followed one after the other.
      .cost = [](const MethodSpec&, const ModelShape&) { return MethodCost{.attention = 2}; },
      .on_device = [](const MethodSpec&) -> DeviceSchedule { return HostSchedule{}; }};
}

}  // namespace kvcompare
