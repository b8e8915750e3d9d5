// Measures what the death times of one KV head cost: a sample of T tokens, with an event after every token.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/randn.h>

#include "presses/registry.h"
#include "presses/rope.h"
#include "presses/schedule/schedule_drifting.h"
#include "presses/schedule/schedule_fixed.h"
#include "presses/schedule/schedule_observing.h"

namespace {

using namespace kvcompare;

const EvictionPolicy kHalf = RatioBudget{.compression_ratio = 0.5};

void fixed(benchmark::State& state, bool ascending, const EvictionPolicy& policy) {
  const auto n_tokens = state.range(0);
  std::vector<double> scores(static_cast<std::size_t>(n_tokens));
  std::mt19937 random(1);
  for (std::size_t j = 0; j < scores.size(); ++j)
    scores[j] = ascending ? static_cast<double>(j) : std::uniform_real_distribution<double>()(random);
  std::vector<DeathTime> deaths(scores.size());
  for (auto unused : state) {
    schedule_fixed({policy, 4}, {n_tokens, 1}, scores, deaths);
    benchmark::DoNotOptimize(deaths.data());
  }
  state.SetItemsProcessed(state.iterations() * n_tokens);
}

WholeHead random_head(std::int64_t group, std::int64_t n_tokens, std::int64_t d_head) {
  const auto q = at::randn({group, n_tokens, d_head}, at::kFloat);
  return {.raw_q = q,
          .q = q,
          .k = at::randn({n_tokens, d_head}, at::kFloat),
          .v = at::randn({n_tokens, d_head}, at::kFloat),
          .rule = {.scale = {static_cast<double>(d_head)}}};
}

Scorer scorer_of(const char* name) {
  MethodFlags run;
  return make_scorer(make_method_spec(*find_method(name), run), {});
}

// Arguments of both: tokens, head size, query heads a KV head.
void drifting(benchmark::State& state, const char* name) {
  at::set_num_threads(1);
  const auto n_tokens = state.range(0), d_head = state.range(1);
  const Rope rope(at::pow(10000.0, at::arange(0, d_head, 2, at::kDouble) / -static_cast<double>(d_head)));
  auto head = random_head(state.range(2), n_tokens, d_head);
  head.rule.rope = &rope;
  const auto scorer = scorer_of(name);
  std::vector<DeathTime> deaths(static_cast<std::size_t>(n_tokens));
  for (auto unused : state) {
    schedule_drifting({kHalf, 4}, {n_tokens, 1},
                      std::get<std::unique_ptr<DriftingScorer>>(scorer)->start_head(head), deaths);
  }
  state.SetItemsProcessed(state.iterations() * n_tokens);
}

void observing(benchmark::State& state, const char* name) {
  at::set_num_threads(1);
  const auto n_tokens = state.range(0);
  const auto head = random_head(state.range(2), n_tokens, state.range(1));
  const auto scorer = scorer_of(name);
  const auto& observing = *std::get<std::unique_ptr<ObservingScorer>>(scorer);
  const EvictionRule rule{
      .policy = kHalf, .window = observing.window(), .protected_from = [&](auto n, auto budget) {
        return observing.protected_from(n, budget);
      }};
  std::vector<DeathTime> deaths(static_cast<std::size_t>(n_tokens));
  for (auto unused : state) schedule_observing(rule, {n_tokens, 1}, observing, head, deaths);
  state.SetItemsProcessed(state.iterations() * n_tokens);
}

BENCHMARK_CAPTURE(fixed, size_of_512_random_scores, false, SizeBudget{512})
    ->ArgName("T")
    ->Arg(1024)
    ->Arg(8192)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(fixed, random_scores, false, kHalf)
    ->ArgName("T")
    ->Arg(1024)
    ->Arg(8192)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(fixed, ascending_scores, true, kHalf)
    ->ArgName("T")
    ->Arg(1024)
    ->Arg(8192)
    ->Unit(benchmark::kMicrosecond);
// tokens, head size, query heads a KV head
void of_head(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"T", "d", "group"})
      ->Args({1024, 32, 2})
      ->Args({2048, 32, 2})
      ->Args({2048, 64, 3})
      ->Args({2048, 64, 4})
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(drifting, expected_attention, "expected_attention")->Apply(of_head);
BENCHMARK_CAPTURE(drifting, keydiff, "keydiff")->Apply(of_head);
BENCHMARK_CAPTURE(observing, observed_attention, "observed_attention")->Apply(of_head);
BENCHMARK_CAPTURE(observing, h2o, "h2o")->Apply(of_head);
BENCHMARK_CAPTURE(observing, tova, "tova")->Apply(of_head);
BENCHMARK_CAPTURE(observing, snapkv, "snapkv")->Apply(of_head);

}  // namespace

BENCHMARK_MAIN();
