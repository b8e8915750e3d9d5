#include "presses/methods/snapkv.h"

#include <algorithm>
#include <array>

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
    const auto factor = 1 / static_cast<double>(n_queries * parameters_.kernel_size);
    const auto n_left = parameters_.kernel_size / 2, n_right = parameters_.kernel_size - 1 - n_left;
    std::ranges::fill(scores.subspan(static_cast<std::size_t>(before)), 0);
    std::int64_t i = 0;
    const auto score_one = [&] {
      const auto first = std::max<std::int64_t>(0, i - n_left), end = std::min(before, i + n_right + 1);
      double sum = 0;
      for (auto j = first; j < end; ++j) sum += received[static_cast<std::size_t>(j)];
      scores[static_cast<std::size_t>(i)] = sum * factor;
    };
    for (; i < std::min(n_left, before); ++i) score_one();
    std::array<double, 8> sums;  // of keys that have all their neighbours, side by side
    for (; i + std::ssize(sums) + n_right <= before; i += std::ssize(sums)) {
      sums.fill(0);
      for (auto j = i - n_left; j <= i + n_right; ++j)
        for (std::size_t lane = 0; lane < sums.size(); ++lane)
          sums[lane] += received[static_cast<std::size_t>(j) + lane];
      for (std::size_t lane = 0; lane < sums.size(); ++lane)
        scores[static_cast<std::size_t>(i) + lane] = sums[lane] * factor;
    }
    for (; i < before; ++i) score_one();
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
