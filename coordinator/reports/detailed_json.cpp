#include "coordinator/reports/detailed_json.h"

#include <optional>
#include <string>
#include <string_view>

#include "coordinator/json/json_fields.h"
#include "coordinator/json/json_numerics.h"
#include "coordinator/json/json_run_spec.h"
#include "coordinator/json/json_text.h"
#include "coordinator/reports/instance_numbers.h"
#include "coordinator/reports/json_inputs.h"
#include "coordinator/reports/json_instance.h"
#include "coordinator/reports/json_measured.h"
#include "coordinator/reports/json_statistics.h"
#include "coordinator/reports/json_warnings.h"
#include "coordinator/reports/schema_version.h"
#include "coordinator/reports/scored_note.h"
#include "coordinator/reports/unit_columns.h"

namespace kvcompare {
namespace {

constexpr const char* kNotInJournal = "the journal is of a version that did not keep it";

void put_numbers(OrderedJson& result, const InstanceNumbers& numbers) {
  put_measured(result, "perplexity", numbers.perplexity);
  put_measured(result, "avg_nll", numbers.avg_nll);
  put_measured(result, "total_nll", numbers.total_nll);
  put_measured(result, "total_tokens", numbers.total_tokens);
  put_measured(result, "bits_per_byte", numbers.bits_per_byte);
  put_measured(result, "word_perplexity", numbers.word_perplexity);
  put_deltas(result, numbers);
  OrderedJson stats;
  const auto& ratio = numbers.avg_compression_ratio;
  put_measured(stats, "avg_compression_ratio", ratio);
  put_measured(
      stats, "sparsity_percentage",
      Measured<double>{ratio.value ? std::optional(100 * *ratio.value) : std::nullopt, ratio.reason});
  put_measured(stats, "total_keys_original", numbers.keys_original);
  put_measured(stats, "total_keys_kept", numbers.keys_kept);
  put_measured(stats, "total_keys_discarded", numbers.keys_discarded);
  result["compression_stats"] = std::move(stats);
  put_cache(result, numbers);
  put_measured(result, "compressible_density", numbers.compressible_density);
  put_measured(result, "peak_keys", numbers.peak_keys);
  put_divergence(result, numbers);
  put_answers(result, numbers);
}

void put_nll_by_position(OrderedJson& result, const MethodResult& method) {
  const auto& bins = method.nll_by_position;
  const auto why_not = why_no_totals(method);
  if (why_not.empty() && bins.bin_width > 0) {
    result["nll_by_position"] = json_value(bins);
  } else {
    result["nll_by_position"] = nullptr;
    result["nll_by_position_reason"] = why_not.empty() ? kNotInJournal : why_not;
  }
}

// [layer][KV head]
void put_kept_per_head(OrderedJson& result, const MethodResult& method, std::int64_t n_kv_heads) {
  const auto why_not = why_no_totals(method);
  if (!why_not.empty() || method.kept_per_head.empty() || n_kv_heads == 0) {
    result["kept_per_head"] = nullptr;
    result["kept_per_head_reason"] = why_not.empty() ? kNotInJournal : why_not;
    return;
  }
  auto layers = OrderedJson::array();
  for (std::size_t head = 0; head < method.kept_per_head.size(); ++head) {
    if (head % static_cast<std::size_t>(n_kv_heads) == 0) layers.push_back(OrderedJson::array());
    layers.back().push_back(method.kept_per_head[head]);
  }
  result["kept_per_head"] = std::move(layers);
}

void put_number(OrderedJson& json, const std::string& key, std::int64_t number) { json[key] = number; }
void put_number(OrderedJson& json, const std::string& key, double number) {
  put_finite(json, key.c_str(), number);
}
template <class Number>
void put_number(OrderedJson& json, const std::string& key, const std::optional<Number>& number) {
  if (number) put_number(json, key, *number);
}

OrderedJson json_row(const SampleRow& row) {
  OrderedJson json;
  json["sample"] = row.sample.value;
  visit_sample_columns(row.numbers, EvidenceColumns::kShown,
                       [&](std::string_view column, const auto& number) {
                         if (column == kScoredColumn) put_number(json, "tokens", number);
                         put_number(json, std::string(column), number);
                       });
  return json;
}

OrderedJson json_result(const Comparison& comparison, std::size_t place) {
  const MethodResult& method = comparison.methods[place];
  OrderedJson result;
  put_identity(result, method);
  put_numbers(result, instance_numbers(comparison, place));
  put_nll_by_position(result, method);
  put_kept_per_head(result, method, comparison.model.n_kv_heads);
  result["per_sample"] = OrderedJson::array();
  for (const SampleRow& row : method.per_sample) result["per_sample"].push_back(json_row(row));
  for (const FailedUnit& unit : method.failed)
    result["failed"].push_back(
        {{"sample", unit.sample.value}, {"reason", unit.reason}, {"attempts", unit.n_attempts}});
  return result;
}

}  // namespace

std::string detailed_json(const Comparison& comparison) {
  OrderedJson report;
  report["schema_version"] = kSchemaVersion;
  report["fingerprint"] = comparison.fingerprint;
  report["config"] = json_flags(comparison.spec);
  report["inputs"] = json_inputs(comparison);
  report["numerics"] = OrderedJson::array();
  for (const Numerics& numerics : comparison.numerics) report["numerics"].push_back(json_value(numerics));
  report["model"] = json_value(comparison.model);
  report["n_samples"] = comparison.n_samples;
  report["skipped_samples"] = OrderedJson::array();
  for (const SampleIndex sample : comparison.skipped) report["skipped_samples"].push_back(sample.value);
  for (const BadLine& bad : comparison.bad_lines)
    report["bad_lines"].push_back({{"line", bad.line}, {"problem", bad.problem}});
  report["scored"] = scored_flag(comparison);
  report["truncated"] = json_value(comparison.truncated);
  report["warnings"] = json_warnings(comparison.warnings);
  report["results"] = OrderedJson::array();
  for (std::size_t place = 0; place < comparison.methods.size(); ++place)
    report["results"].push_back(json_result(comparison, place));
  put_statistics(report, comparison);
  return json_text(report);
}

}  // namespace kvcompare
