#include "coordinator/reports/samples_csv.h"

#include <map>
#include <vector>

#include "common/plural.h"
#include "common/run/instance_name.h"
#include "common/shortest.h"
#include "coordinator/comparison/instance_label.h"
#include "coordinator/reports/csv_text.h"

namespace kvcompare {
namespace {

using Fields = std::vector<std::string>;

const Fields kTitles{
    "method_name",     "label",         "instance",  "sample",           "n_scored",  "total_nll",
    "nll_delta",       "keys_original", "keys_kept", "attended_density", "peak_keys", "total_nll_reason",
    "nll_delta_reason"};

using NllBySample = std::map<SampleIndex, double>;

// Instance - baseline, in nats.
Measured<double> nll_delta(const SampleRow& row, const NllBySample& baseline, bool is_baseline) {
  if (is_baseline) return {std::nullopt, "this is the baseline"};
  const auto reference = baseline.find(row.sample);
  if (reference == baseline.end()) return {std::nullopt, "the baseline failed on this sample"};
  return {row.total_nll - reference->second, {}};
}

Fields numbers(const SampleRow& row, const Measured<double>& delta) {
  return {std::to_string(row.n_scored),
          shortest(row.total_nll),
          csv_fields(delta).front(),
          std::to_string(row.keys_original),
          std::to_string(row.keys_kept),
          shortest(row.attended_density),
          std::to_string(row.peak_keys),
          "",
          delta.reason};
}

Fields no_numbers(const FailedUnit& failed) {
  const auto reason = "failed after " + counted(failed.n_attempts, "attempt") + ": " + failed.reason;
  return {"", "", "", "", "", "", "", reason, reason};
}

}  // namespace

std::string samples_csv(const Comparison& comparison) {
  NllBySample baseline;
  for (const auto& row : comparison.methods.at(0).per_sample) baseline[row.sample] = row.total_nll;
  std::string text = csv_line(kTitles);
  for (const auto& method : comparison.methods) {
    const bool is_baseline = &method == &comparison.methods.front();
    std::map<SampleIndex, Fields> rows;
    for (const auto& row : method.per_sample)
      rows[row.sample] = numbers(row, nll_delta(row, baseline, is_baseline));
    for (const auto& failed : method.failed) rows[failed.sample] = no_numbers(failed);
    const auto instance = instance_name(method.spec);
    for (const auto& [sample, values] : rows) {
      Fields fields{method.spec.display_name, label_of(method), instance, std::to_string(sample.value)};
      fields.insert(fields.end(), values.begin(), values.end());
      text += csv_line(fields);
    }
  }
  return text;
}

}  // namespace kvcompare
