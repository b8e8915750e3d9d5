#include "tests/unit/coordinator/reports/example_comparison.h"

#include "tests/unit/coordinator/reports/sample_row.h"

namespace kvcompare {
namespace {

constexpr double kBaselinePerplexity = 7.38905609893065;  // e^2
constexpr double kRandomPerplexity = 12.182493960703473;  // e^2.5

MethodResult baseline() {
  MethodResult method;
  method.spec = {"baseline", "Baseline", KeepAll{}, {}};
  method.totals = Totals{.sums = {.total_nll = 16, .keys = {.original = 40, .kept = 40, .peak = 24}},
                         .total_tokens = 8,
                         .avg_nll = 2,
                         .perplexity = kBaselinePerplexity,
                         .avg_compression_ratio = 0,
                         .attended_density = 1,
                         .compressible_density = 1.0};
  method.per_sample = {row(0, 3, 6.5, {16, 16, 40, 40, 16}), row(2, 5, 9.5, {24, 24, 84, 84, 24})};
  method.seconds = 4;
  return method;
}

MethodResult random() {
  MethodResult method;
  method.spec = {"random", "Random", RatioBudget{0.5}, {}};
  method.totals = Totals{.sums = {.total_nll = 20, .keys = {.original = 40, .kept = 20, .peak = 14}},
                         .total_tokens = 8,
                         .avg_nll = 2.5,
                         .perplexity = kRandomPerplexity,
                         .avg_compression_ratio = 0.5,
                         .attended_density = 0.75,
                         .compressible_density = std::nullopt};
  method.per_sample = {row(0, 3, 0.1 + 0.2, {16, 8, 28, 40, 10}), row(2, 5, 19.7, {24, 12, 68, 85, 14})};
  method.seconds = 0;
  return method;
}

MethodResult kvzap() {
  MethodResult method;
  method.spec = {"kvzap", "KVzap", ScoreThreshold{-7, 128}, {}};
  method.per_sample = {row(0, 3, 7, {16, 9, 36, 40, 12})};
  method.failed = {{SampleIndex(2), "NLL of token 3 is not finite", 3}};
  method.seconds = 1.5;
  return method;
}

}  // namespace

Comparison example_comparison() {
  Comparison comparison;
  comparison.spec.model_name = "models/tiny";
  comparison.spec.data_path = "texts.jsonl";
  comparison.spec.dtype = Dtype::kFloat32;
  comparison.spec.device_type = "cpu";
  comparison.n_samples = 3;
  comparison.skipped = {SampleIndex(1)};
  comparison.methods = {baseline(), random(), kvzap()};
  for (const MethodResult& method : comparison.methods) comparison.spec.methods.push_back(method.spec);
  return comparison;
}

}  // namespace kvcompare
