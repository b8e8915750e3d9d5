#include "presses/methods/lagkv.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/std.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

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
    auto scores = at::zeros({k.size(0), end - begin}, k.options().dtype(at::kDouble));
    const auto first = std::max(begin, parameters_.n_sink);
    if (end > first)
      scores.narrow(1, first - begin, end - first)
          .copy_(ranks((spread(k, first, end) + spread(v, first, end)) / 2).flatten(1, 2));
    return scores;
  }

 private:
  // Those whose successor is complete.
  std::int64_t n_partitions(std::int64_t n) const {
    return std::max<std::int64_t>(0, (n - parameters_.n_sink) / parameters_.lag_size - 1);
  }

  // Positions [first, end) are whole partitions, and are followed by one.
  //   x       : [n_kv_heads, n, d_head]
  //   returns : [n_kv_heads, n_partitions, lag_size]
  at::Tensor spread(const at::Tensor& x, std::int64_t first, std::int64_t end) const {
    const auto lag = parameters_.lag_size;
    const auto partitions = [&](std::int64_t from) {
      return x.narrow(1, from, end - first)
          .to(at::kDouble)
          .reshape({x.size(0), (end - first) / lag, lag, x.size(2)});
    };
    const auto after = partitions(first + lag);
    const auto low = after.amin({2}, /*keepdim=*/true), high = after.amax({2}, /*keepdim=*/true);
    const auto scaled = at::where(high.gt(low), (partitions(first) - low) / (high - low), 0.0);
    return at::std(scaled, at::OptionalIntArrayRef({-1}), /*correction=*/1).softmax(-1);
  }

  // Ranks within the last dimension, ascending from 0, divided by its length. On a tie the earlier ranks
  // higher.
  static at::Tensor ranks(const at::Tensor& x) {
    const auto order = std::get<1>(at::sort(x, /*stable=*/true, /*dim=*/-1, /*descending=*/true));
    const auto n = x.size(-1);
    const auto descending = at::arange(n - 1, -1, -1, x.options()) / static_cast<double>(n);
    return at::zeros_like(x).scatter(-1, order, descending.expand_as(x));
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
