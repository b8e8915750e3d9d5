// Measures the language model head on one core: a tile of 64 tokens against blocks of the vocabulary. One
// benchmark takes log-sum-exp of given logits; another includes the product that makes the logits.
#include <algorithm>
#include <cmath>
#include <vector>

#include <benchmark/benchmark.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>

#include "worker/cpu/packed_weights.h"
#include "worker/cpu/products.h"
#include "worker/cpu/row_kernels.h"
#include "worker/cpu/weight_panels.h"

namespace {

using namespace kvcompare;

constexpr std::int64_t kRows = 64;

// Arguments: model width, vocabulary.
void head(benchmark::State& state, bool with_product) {
  at::set_num_threads(1);
  const c10::InferenceMode no_autograd;
  const auto d_model = state.range(0), vocab = state.range(1);
  const auto n_entries = std::min(vocab, PackedWeights::kHeadBlock);
  // The logits have a standard deviation of 3, because exp rarely underflows for the logits of a real model.
  const auto hidden = at::randn({kRows, d_model}, at::kFloat);
  const auto block = side_by_side(
      {at::randn({n_entries, d_model}, at::kFloat) * (3 / std::sqrt(static_cast<double>(d_model)))},
      layout_for(ProductKind::kPlain));
  Products products(ProductKind::kPlain);
  const auto logits = at::empty({kRows, n_entries}, at::kFloat);
  products.multiply(hidden, block, logits);
  for (auto unused : state) {
    std::vector<LogSumExp> totals(kRows);
    for (std::int64_t first = 0; first < vocab; first += n_entries) {
      if (with_product) products.multiply(hidden, block, logits);
      for (std::int64_t r = 0; r < kRows; ++r)
        add_block(logits.const_data_ptr<float>() + r * n_entries, static_cast<std::size_t>(n_entries),
                  totals[static_cast<std::size_t>(r)]);
    }
    benchmark::DoNotOptimize(totals.data());
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"d_model", "vocab"})->Unit(benchmark::kMicrosecond);
  benchmark->Args({256, 4096})->Args({768, 32768})->Args({2048, 131072});
}
BENCHMARK_CAPTURE(head, log_sum_exp, false)->Apply(shapes);
BENCHMARK_CAPTURE(head, product_and_log_sum_exp, true)->Apply(shapes);

}  // namespace

BENCHMARK_MAIN();
