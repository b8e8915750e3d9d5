#include "coordinator/reports/detailed_json.h"

#include "coordinator/reports/json_model_shape.h"
#include "coordinator/reports/json_numerics.h"
#include "coordinator/reports/json_run_spec.h"
#include "coordinator/reports/json_text.h"
#include "coordinator/reports/json_warnings.h"

namespace kvcompare {
namespace {

constexpr int kSchemaVersion = 2;

void put_totals(OrderedJson& result, const Totals& totals) {
  put_finite(result, "perplexity", totals.perplexity);  // absent if exp(avg_nll) overflows
  put_finite(result, "avg_nll", totals.avg_nll);
  result["total_tokens"] = totals.total_tokens;
  OrderedJson stats;
  put_finite(stats, "avg_compression_ratio", totals.avg_compression_ratio);
  put_finite(stats, "sparsity_percentage", 100 * totals.avg_compression_ratio);
  stats["total_keys_original"] = totals.keys_original;
  stats["total_keys_kept"] = totals.keys_kept;
  stats["total_keys_discarded"] = totals.keys_discarded();
  result["compression_stats"] = std::move(stats);
  put_finite(result, "attended_density", totals.attended_density);
  if (totals.compressible_density) put_finite(result, "compressible_density", *totals.compressible_density);
  result["peak_keys"] = totals.peak_keys;
}

OrderedJson json_row(const SampleRow& row) {
  OrderedJson json;
  json["sample"] = row.sample.value;
  json["tokens"] = row.n_scored;
  put_finite(json, "total_nll", row.total_nll);
  json["keys_original"] = row.keys_original;
  json["keys_kept"] = row.keys_kept;
  put_finite(json, "attended_density", row.attended_density);
  json["peak_keys"] = row.peak_keys;
  return json;
}

OrderedJson json_result(const MethodResult& method) {
  OrderedJson result;
  result["method_name"] = method.spec.display_name;
  result["parameters"] = json_parameters(method.spec);
  if (method.totals) put_totals(result, *method.totals);
  result["per_sample"] = OrderedJson::array();
  for (const SampleRow& row : method.per_sample) result["per_sample"].push_back(json_row(row));
  for (const FailedUnit& unit : method.failed)
    result["failed"].push_back(
        {{"sample", unit.sample.value}, {"reason", unit.reason}, {"attempts", unit.n_attempts}});
  return result;
}

// SHA-256 of what was read, as far as it was.
OrderedJson json_inputs(const InputHashes& inputs) {
  OrderedJson json = {{"model_sha256", inputs.model}, {"data_sha256", inputs.data}};
  if (!inputs.tokenizer.empty()) json["tokenizer_sha256"] = inputs.tokenizer;
  return json;
}

}  // namespace

std::string detailed_json(const Comparison& comparison) {
  OrderedJson report;
  report["schema_version"] = kSchemaVersion;
  report["fingerprint"] = comparison.fingerprint;
  report["config"] = json_flags(comparison.spec);
  report["inputs"] = json_inputs(comparison.inputs);
  report["numerics"] = OrderedJson::array();
  for (const Numerics& numerics : comparison.numerics) report["numerics"].push_back(json_numerics(numerics));
  report["model"] = json_model_shape(comparison.model);
  report["n_samples"] = comparison.n_samples;
  report["skipped_samples"] = OrderedJson::array();
  for (const SampleIndex sample : comparison.skipped) report["skipped_samples"].push_back(sample.value);
  for (const BadLine& bad : comparison.bad_lines)
    report["bad_lines"].push_back({{"line", bad.line}, {"problem", bad.problem}});
  report["truncated"] = {{"samples", comparison.truncated.n_samples},
                         {"tokens", comparison.truncated.n_tokens}};
  report["warnings"] = json_warnings(comparison.warnings);
  report["results"] = OrderedJson::array();
  for (const MethodResult& method : comparison.methods) report["results"].push_back(json_result(method));
  return json_text(report);
}

}  // namespace kvcompare
