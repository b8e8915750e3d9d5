// Products of the CPU engine on one core, beside libtorch's mm on the same numbers: rows of activations times
// the weight matrices of a decoder. Weights are so many that they do not stay in the core's own caches.
#include <cmath>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>

#include "worker/cpu/products.h"
#include "worker/cpu/weight_panels.h"
#include "worker/devices/cpu_features.h"

namespace {

using namespace kvcompare;

constexpr std::int64_t kBytesOfWeights = std::int64_t{16} << 20;

enum class By { kEngine, kMm };

// Arguments: rows, width of the input, width of the output.
void product(benchmark::State& state, at::ScalarType type, By by) {
  at::set_num_threads(1);
  const c10::InferenceMode no_autograd;
  const auto n_rows = state.range(0), n_in = state.range(1), n_out = state.range(2);
  const auto kind = product_kind(type, read_cpuinfo());
  const auto is_engine = by == By::kEngine;
  const auto x = at::randn({n_rows, n_in}).to(is_engine ? at::kFloat : type);
  auto out = at::empty({n_rows, n_out}, x.options());
  const auto n_matrices =
      1 + kBytesOfWeights / (n_in * n_out * static_cast<std::int64_t>(c10::elementSize(type)));
  std::vector<at::Tensor> matrices;
  for (std::int64_t i = 0; i < n_matrices; ++i) {
    const auto matrix = (at::randn({n_out, n_in}) / std::sqrt(static_cast<double>(n_in))).to(type);
    matrices.push_back(is_engine ? side_by_side({matrix}, layout_for(kind)) : matrix.t().contiguous());
  }
  Products products(kind);
  std::size_t next = 0;
  for (auto unused : state) {
    const auto& weight = matrices[next++ % matrices.size()];
    if (is_engine)
      products.multiply(x, weight, out);
    else
      at::mm_out(out, x, weight);
  }
  const double flops = 2 * static_cast<double>(n_rows * n_in * n_out);
  state.counters["GFLOP/s"] = benchmark::Counter(flops / 1e9, benchmark::Counter::kIsIterationInvariantRate);
  const auto name = name_of(kind);
  state.SetLabel(is_engine ? (name.empty() ? "float32 products" : name) : "mm of libtorch");
}

// The products of SmolLM2-135M: q, k and v; o; gate and up; down; a block of the head. Then a wider model.
void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "in", "out"})->Unit(benchmark::kMicrosecond);
  for (const int n_rows : {16, 64, 128, 256})
    for (const auto& [n_in, n_out] :
         {std::pair{576, 960}, {576, 576}, {576, 3072}, {1536, 576}, {576, 4096}, {2048, 2048}})
      benchmark->Args({n_rows, n_in, n_out});
}
BENCHMARK_CAPTURE(product, float32, at::kFloat, By::kEngine)->Apply(shapes);
BENCHMARK_CAPTURE(product, float32_mm, at::kFloat, By::kMm)->Apply(shapes);
BENCHMARK_CAPTURE(product, bfloat16, at::kBFloat16, By::kEngine)->Apply(shapes);
BENCHMARK_CAPTURE(product, bfloat16_mm, at::kBFloat16, By::kMm)->Apply(shapes);
BENCHMARK_CAPTURE(product, float16, at::kHalf, By::kEngine)->Apply(shapes);

}  // namespace

BENCHMARK_MAIN();
