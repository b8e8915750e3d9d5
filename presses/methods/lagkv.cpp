#include "presses/methods/lagkv.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include "common/size.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

struct LagKvParameters {
  std::int64_t n_sink = 4;
  std::int64_t lag_size = 128;
};

void visit_parameters(auto& parameters, const auto& visit) {
  visit(parameters.n_sink, sink_flag());
  visit(parameters.lag_size,
        {.name = "lag_size",
         .unit = "tokens",
         .help = "lagkv: length of a partition. A partition is scored when the one after "
                 "it is complete, and stays until then.",
         .least = 1});
}

// In four sums, so that no addition waits for the one before.
template <class F>
double sum_over(std::size_t n, const F& f) {
  std::array<double, 4> sums{};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] += f(i + lane);
  for (; i < n; ++i) sums[0] += f(i);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Standard deviation, with the divisor n - 1.
double deviation(std::span<const double> x) {
  const auto n = static_cast<double>(x.size());
  const auto mean = sum_over(x.size(), [&](std::size_t i) { return x[i]; }) / n;
  const auto squares = sum_over(x.size(), [&](std::size_t i) { return (x[i] - mean) * (x[i] - mean); });
  return std::sqrt(squares / (n - 1));
}

void softmax(std::span<double> x) {
  const auto highest = std::ranges::max(x);
  double sum = 0;
  for (auto& value : x) sum += value = std::exp(value - highest);
  for (auto& value : x) value /= sum;
}

class LagKv : public LateScorer {
 public:
  explicit LagKv(const LagKvParameters& parameters) : parameters_(parameters) {}

  Needs needs() const override { return {.k = true, .v = true}; }

  std::int64_t n_scored(std::int64_t n) const override {
    return std::min(n, parameters_.n_sink + n_partitions(n) * parameters_.lag_size);
  }

  // Sinks score 0: the policy keeps them whatever their score.
  at::Tensor score(const at::Tensor& k, const at::Tensor& v, std::int64_t begin,
                   std::int64_t end) const override {
    const auto keys = k.to(at::kCPU, at::kDouble).contiguous(),
               values = v.to(at::kCPU, at::kDouble).contiguous();
    const auto scores = at::zeros({k.size(0), end - begin}, at::kDouble);
    for (std::int64_t h = 0; h < k.size(0); ++h)
      for (auto j = std::max(begin, parameters_.n_sink); j < end; j += parameters_.lag_size)
        rank(spread(keys, h, j), spread(values, h, j),
             {scores.mutable_data_ptr<double>() + h * (end - begin) + j - begin, size(parameters_.lag_size)});
    return scores.to(k.device());
  }

 private:
  // Those whose successor is complete.
  std::int64_t n_partitions(std::int64_t n) const {
    return std::max<std::int64_t>(0, (n - parameters_.n_sink) / parameters_.lag_size - 1);
  }

  // Of the tokens of the partition that begins at `first`: softmax of the standard deviation over channels,
  // which are scaled by their range in the partition behind it.
  //   x       : [n_kv_heads, n, d_head], contiguous
  //   returns : [lag_size]
  std::vector<double> spread(const at::Tensor& x, std::int64_t h, std::int64_t first) const {
    const auto d_head = size(x.size(2)), lag = size(parameters_.lag_size);
    const auto* rows = x.const_data_ptr<double>() + (h * x.size(1) + first) * x.size(2);
    const auto row = [&](std::size_t t) { return std::span(rows + t * d_head, d_head); };
    std::vector<double> low(row(lag).begin(), row(lag).end()), range = low, scaled(d_head), spread(lag);
    for (auto t = lag + 1; t < 2 * lag; ++t)
      for (std::size_t c = 0; c < d_head; ++c) {
        low[c] = std::min(low[c], row(t)[c]);
        range[c] = std::max(range[c], row(t)[c]);
      }
    for (std::size_t c = 0; c < d_head; ++c) range[c] -= low[c];
    for (std::size_t t = 0; t < lag; ++t) {
      for (std::size_t c = 0; c < d_head; ++c) scaled[c] = range[c] > 0 ? (row(t)[c] - low[c]) / range[c] : 0;
      spread[t] = deviation(scaled);
    }
    softmax(spread);
    return spread;
  }

  // Writes the rank of each token within its partition, ascending from 0, divided by the partition's length.
  // On a tie the earlier ranks higher. What is NaN cannot be ranked.
  static void rank(std::vector<double> of_keys, const std::vector<double>& of_values,
                   std::span<double> scores) {
    for (std::size_t t = 0; t < of_keys.size(); ++t) of_keys[t] = (of_keys[t] + of_values[t]) / 2;
    if (std::ranges::any_of(of_keys, [](double x) { return std::isnan(x); })) {
      std::ranges::fill(scores, std::numeric_limits<double>::quiet_NaN());
      return;
    }
    std::vector<std::size_t> order(of_keys.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
      return of_keys[a] < of_keys[b] || (of_keys[a] == of_keys[b] && a > b);
    });
    for (std::size_t i = 0; i < order.size(); ++i)
      scores[order[i]] = static_cast<double>(i) / static_cast<double>(order.size());
  }

  const LagKvParameters parameters_;
};

}  // namespace

MethodDescription lagkv_method() {
  return {.name = "lagkv",
          .display_name = "LagKV",
          .aliases = {"LagKVPress"},
          .protects_latest = true,
          .parameters = described<LagKvParameters>(),
          .summary =
              "rank, within a partition of lag_size tokens, of how much key and value spread relative "
              "to the next partition; what is not scored yet stays",
          .source = "LagKV, arXiv 2504.04704",
          .make = [](const MethodSpec& method, const ScorerResources&) -> Scorer {
            return std::make_unique<LagKv>(parameters_of<LagKvParameters>(method));
          },
          .on_device = [](const MethodSpec&) -> DeviceSchedule { return HostSchedule{}; }};
}

}  // namespace kvcompare
