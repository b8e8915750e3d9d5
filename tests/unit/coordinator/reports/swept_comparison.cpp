#include "tests/unit/coordinator/reports/swept_comparison.h"

#include <cmath>

#include "tests/unit/coordinator/reports/sample_row.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kBytesOfKey = 2 * 64 * 2;  // bfloat16, head size 64

// Two samples of 3 and 5 predicted tokens; 2 layers of 2 KV heads, so 16 and 24 keys.
MethodResult instance(const MethodSpec& spec, const std::string& label, double first_nll, double second_nll,
                      std::int64_t kept_of_16, std::int64_t kept_of_24) {
  const double avg_nll = (first_nll + second_nll) / 8;
  const auto kept = kept_of_16 + kept_of_24;
  MethodResult method{.spec = spec, .label = label};
  method.totals = Totals{.sums = {.total_nll = first_nll + second_nll,
                                  .keys = {.original = 40, .kept = kept, .peak = kept_of_24 + 4},
                                  .scored_bytes = 32,
                                  .scored_words = 5},
                         .total_tokens = 8,
                         .avg_nll = avg_nll,
                         .perplexity = std::exp(avg_nll),
                         .avg_compression_ratio = static_cast<double>(40 - kept) / 40,
                         .attended_density = static_cast<double>(kept + 4) / 44,
                         .compressible_density = static_cast<double>(kept) / 40,
                         .has_text = true,
                         .cache_bytes_end = kept * kBytesOfKey,
                         .peak_cache_bytes = (kept_of_24 + 4) * kBytesOfKey};
  method.per_sample = {row(0, 3, first_nll, {16, kept_of_16, 28, 40, kept_of_16 + 4}),
                       row(2, 5, second_nll, {24, kept_of_24, 68, 85, kept_of_24 + 4})};
  method.nll_by_position = {
      .bin_width = 2, .total_nll = {1.5, first_nll, second_nll - 1.5}, .n_scored = {2, 4, 2}};
  method.kept_per_head = {kept_of_16, 0, kept_of_24 - 1, 1};
  return method;
}

MethodSpec streaming_llm(double ratio) {
  return {"streaming_llm", "StreamingLLM", RatioBudget{ratio}, {{"n_sink", std::int64_t{4}}}};
}

Statistics statistics() {
  Statistics result;
  result.against_baseline = {{.reason = "this is the baseline"},
                             {.avg_nll_delta = 0.0625,
                              .avg_nll_delta_ci95 = Interval{-0.0125, 0.1},
                              .ppl_delta_ci95 = Interval{-0.09, 0.75},
                              .p_value = 0.25,
                              .p_value_holm = 0.5},
                             {.avg_nll_delta = 0.5,
                              .avg_nll_delta_ci95 = Interval{0.375, 0.625},
                              .ppl_delta_ci95 = Interval{3.25, 6.5},
                              .p_value = 0.0001,
                              .p_value_holm = 0.0003},
                             {.avg_nll_delta = 0.1 + 0.2,
                              .avg_nll_delta_ci95 = Interval{0.25, 1.0 / 3},
                              .ppl_delta_ci95 = Interval{2, 3},
                              .p_value = 0.0002,
                              .p_value_holm = 0.0004},
                             {.reason = "a sample failed"}};
  result.differences = {{.a = MethodIndex(1),
                         .b = MethodIndex(2),
                         .avg_nll_difference = -0.4375,
                         .ci95 = Interval{-0.5, -0.375},
                         .p_value = 0.0001,
                         .p_value_holm = 0.0003},
                        {.a = MethodIndex(1),
                         .b = MethodIndex(3),
                         .avg_nll_difference = -0.2375,
                         .reason = "the two are equal in every sample"}};
  result.equal_density = {{.density = 0.5,
                           .method_name = "StreamingLLM",
                           .label = "StreamingLLM",
                           .points = {MethodIndex(2), MethodIndex(1)},
                           .avg_nll_delta = 0.125,
                           .ci95 = Interval{0.0625, 0.25}},
                          {.density = 0.1,
                           .method_name = "StreamingLLM",
                           .label = "StreamingLLM",
                           .points = {MethodIndex(2), MethodIndex(1)},
                           .reason = "beyond the sweep, which ends at 0.25"}};
  return result;
}

}  // namespace

Comparison swept_comparison() {
  Comparison comparison;
  comparison.spec.model_name = "models/tiny";
  comparison.spec.data_path = "texts.jsonl";
  comparison.spec.dtype = Dtype::kBFloat16;
  comparison.spec.device_type = "cpu";
  comparison.spec.engine = "layerwise";
  comparison.fingerprint = "f00d";
  comparison.model = {.n_layers = 2,
                      .n_heads = 4,
                      .n_kv_heads = 2,
                      .head_dim = 64,
                      .hidden_size = 256,
                      .vocab_size = 1000,
                      .max_position_embeddings = 2048};
  comparison.inputs.model = std::string(64, 'a');
  comparison.inputs.data = std::string(64, 'b');
  Numerics numerics;
  numerics.processor = "imaginary";
  numerics.libtorch = "2.11.0";
  comparison.numerics = {numerics};
  comparison.n_samples = 3;
  comparison.skipped = {SampleIndex(1)};
  const MethodSpec kvzap{"kvzap", "KVzap", ScoreThreshold{-6, 128}, {{"kvzap_n_sink", std::int64_t{0}}}};
  const MethodSpec random{"random", "Random", RatioBudget{0.5}, {{"seed", std::int64_t{42}}}};
  comparison.methods = {instance({"baseline", "Baseline", KeepAll{}, {}}, "Baseline", 6.5, 9.5, 16, 24),
                        instance(streaming_llm(0.5), "StreamingLLM 0.5", 6.75, 9.75, 8, 12),
                        instance(streaming_llm(0.75), "StreamingLLM 0.75", 8, 12, 4, 6),
                        instance(kvzap, "KVzap τ -6", 7.5, 10.9, 9, 13),
                        {.spec = random, .label = "Random"}};
  comparison.methods[4].per_sample = {row(0, 3, 7, {16, 8, 28, 40, 12})};
  comparison.methods[4].failed = {{SampleIndex(2), "NLL of token 3 is not finite", 3}};
  for (const MethodResult& method : comparison.methods) comparison.spec.methods.push_back(method.spec);
  comparison.statistics = statistics();
  return comparison;
}

Comparison comparison_with_special_characters() {
  auto comparison = swept_comparison();
  comparison.methods[1].label = R"(a,b;"c" \d {e} #1 $f$ 50% g_h ~^ & <b>|*i*`j` é ∞ 中)";
  comparison.methods[2].label = "=1+1 two\nlines\r\nand a \ttab";
  comparison.methods[3].spec.display_name = "K & V";
  comparison.methods[4].failed[0].reason = "not finite: \"nan\", at token 3\nof 9";
  comparison.statistics.equal_density[0].label = comparison.methods[1].label;
  comparison.statistics.equal_density[1].label = comparison.methods[1].label;
  comparison.warnings = {{.code = "truncated", .text = "2 samples <i>cut</i> | 50% & $1", .n_samples = 2}};
  return comparison;
}

}  // namespace kvcompare
