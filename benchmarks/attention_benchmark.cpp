// Measures interval attention on one core, as a share of the core's multiply-add peak, or in bfloat16 of what
// libtorch's mm reaches in that type. Only the multiply-adds of the two matrix products are counted, and only
// for pairs of a query and a key that it sees. Everything else (exp, masks, sums) counts as overhead.
#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>

#include "benchmarks/fma_peak.h"
#include "worker/cpu/interval_attention.h"
#include "worker/cpu/interval_attention_bfloat16.h"
#include "worker/cpu/simd_target.h"
#include "worker/devices/cpu_features.h"

namespace {

using namespace kvcompare;

template <class T>
double peak_flops_per_second() {
  constexpr std::int64_t kRounds = 20'000'000;
  double best = 0;
  for (int trial = 0; trial < 3; ++trial) {
    const auto start = std::chrono::steady_clock::now();
    const double flops = sizeof(T) == 4 ? run_fma_rounds_float(kRounds) : run_fma_rounds_double(kRounds);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, flops / seconds.count());
  }
  return best;
}

// Multiplies 512 rows by a matrix of 2048 x 2048 in bfloat16, on this thread.
double mm_flops_per_second() {
  const auto x = at::randn({512, 2048}).to(at::kBFloat16), weight = at::randn({2048, 2048}).to(at::kBFloat16);
  auto out = at::empty({512, 2048}, x.options());
  double best = 0;
  for (int trial = 0; trial < 10; ++trial) {
    const auto start = std::chrono::steady_clock::now();
    at::mm_out(out, x, weight);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * 512 * 2048 * 2048 / seconds.count());
  }
  return best;
}

// Death times under a ratio budget with random scores.
std::vector<std::int32_t> random_lives(std::int64_t n_heads, std::int64_t n_tokens, double ratio) {
  std::vector<std::int32_t> until(static_cast<std::size_t>(n_heads * n_tokens),
                                  static_cast<std::int32_t>(n_tokens));
  std::mt19937 random(1);
  for (std::int64_t h = 0; h < n_heads; ++h) {
    std::vector<std::int64_t> alive;
    for (std::int64_t i = 0; i < n_tokens; ++i) {
      alive.push_back(i);
      if (std::ssize(alive) <= std::max<std::int64_t>(1, static_cast<std::int64_t>((i + 1) * (1 - ratio))))
        continue;
      const auto victim = random() % alive.size();
      until[static_cast<std::size_t>(h * n_tokens + alive[victim])] = static_cast<std::int32_t>(i + 1);
      alive[victim] = alive.back();
      alive.pop_back();
    }
  }
  return until;
}

// Arguments: tokens, head size, query heads a KV head, percent evicted. peak: flops a second.
template <class T, class Scratch>
void attend(benchmark::State& state, double (*peak)()) {
  const auto n_tokens = state.range(0), d = state.range(1), group = state.range(2);
  std::mt19937 random(2);
  std::normal_distribution<double> normal;
  const auto numbers = [&](std::int64_t n) {
    std::vector<T> values(static_cast<std::size_t>(n));
    for (auto& value : values) value = static_cast<T>(normal(random));
    return values;
  };
  const auto q = numbers(n_tokens * group * d), k = numbers(n_tokens * d), v = numbers(n_tokens * d);
  const auto until = random_lives(1, n_tokens, static_cast<double>(state.range(3)) / 100);
  double n_pairs = 0;
  for (std::int64_t j = 0; j < n_tokens; ++j)
    n_pairs += static_cast<double>(until[static_cast<std::size_t>(j)] - j);
  auto work = q;
  const AttentionHeads<T> heads{.n_heads = group,
                                .n_kv_heads = 1,
                                .n_tokens = n_tokens,
                                .d_head = d,
                                .scale = {static_cast<double>(d)},
                                .q = work.data(),
                                .k = k.data(),
                                .v = v.data(),
                                .until = until.data(),
                                .out = work.data()};
  Scratch scratch;
  for (auto unused : state) {
    state.PauseTiming();
    work = q;  // of the same size, so in the same place
    state.ResumeTiming();
    for (std::int64_t i = 0; i < n_tokens; i += n_queries_in_tile(group))
      interval_attention_tile(heads, 0, i, scratch);
  }
  static const double of = peak();
  const double flops = 4 * n_pairs * static_cast<double>(group * d);
  state.counters["GFLOP/s"] = benchmark::Counter(flops / 1e9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["of_peak"] = benchmark::Counter(flops / of, benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(simd_target());
}

template <class T>
void attention(benchmark::State& state) {
  attend<T, AttentionScratch<T>>(state, peak_flops_per_second<T>);
}

void attention_in_bfloat16(benchmark::State& state) {
  at::set_num_threads(1);
  if (has_cpu_flag(read_cpuinfo(), "avx512_bf16"))
    attend<float, Bfloat16AttentionScratch>(state, mm_flops_per_second);
  else
    state.SkipWithError("the processor has no AVX512-BF16");
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"T", "d", "group", "evicted%"})->Unit(benchmark::kMillisecond);
  for (const int evicted : {0, 50, 75})
    for (const int group : {1, 4})
      for (const int d : {32, 64, 128}) benchmark->Args({2048, d, group, evicted});
}

BENCHMARK(attention<float>)->Apply(shapes);
BENCHMARK(attention_in_bfloat16)->Apply(shapes);
BENCHMARK(attention<double>)
    ->ArgNames({"T", "d", "group", "evicted%"})
    ->Args({2048, 64, 2, 50})
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
