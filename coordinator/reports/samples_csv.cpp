#include "coordinator/reports/samples_csv.h"

#include <map>
#include <string_view>
#include <vector>

#include "common/plural.h"
#include "common/run/instance_name.h"
#include "common/shortest.h"
#include "coordinator/comparison/instance_label.h"
#include "coordinator/reports/csv_text.h"
#include "coordinator/reports/unit_columns.h"

namespace kvcompare {
namespace {

using Fields = std::vector<std::string>;

constexpr std::string_view kTotalNll = "total_nll";  // the instance's difference from the baseline follows it

Fields titles(EvidenceColumns evidence) {
  Fields titles{"method_name", "label", "instance", "sample"};
  visit_sample_columns(UnitNumbers{}, evidence, [&](std::string_view column, const auto&) {
    titles.emplace_back(column);
    if (column == kTotalNll) titles.emplace_back("nll_delta");
  });
  titles.insert(titles.end(), {"total_nll_reason", "nll_delta_reason"});
  return titles;
}

using NllBySample = std::map<SampleIndex, double>;

// Instance - baseline, in nats.
Measured<double> nll_delta(const SampleRow& row, const NllBySample& baseline, bool is_baseline) {
  if (is_baseline) return {std::nullopt, "this is the baseline"};
  const auto reference = baseline.find(row.sample);
  if (reference == baseline.end()) return {std::nullopt, "the baseline failed on this sample"};
  return {row.numbers.total_nll - reference->second, {}};
}

Fields numbers_of(const SampleRow& row, const Measured<double>& delta, EvidenceColumns evidence) {
  Fields fields;
  visit_sample_columns(row.numbers, evidence, [&](std::string_view column, const auto& number) {
    fields.push_back(shortest(number));
    if (column == kTotalNll) fields.push_back(csv_fields(delta).front());
  });
  fields.insert(fields.end(), {"", delta.reason});
  return fields;
}

Fields no_numbers(const FailedUnit& failed, EvidenceColumns evidence) {
  Fields fields{""};  // the difference from the baseline
  visit_sample_columns(UnitNumbers{}, evidence,
                       [&](std::string_view, const auto&) { fields.emplace_back(); });
  const auto reason = "failed after " + counted(failed.n_attempts, "attempt") + ": " + failed.reason;
  fields.insert(fields.end(), 2, reason);
  return fields;
}

}  // namespace

std::string samples_csv(const Comparison& comparison) {
  const auto evidence = evidence_columns(comparison);
  NllBySample baseline;
  for (const auto& row : comparison.methods.at(0).per_sample) baseline[row.sample] = row.numbers.total_nll;
  std::string text = csv_line(titles(evidence));
  for (const auto& method : comparison.methods) {
    const bool is_baseline = &method == &comparison.methods.front();
    std::map<SampleIndex, Fields> rows;
    for (const auto& row : method.per_sample)
      rows[row.sample] = numbers_of(row, nll_delta(row, baseline, is_baseline), evidence);
    for (const auto& failed : method.failed) rows[failed.sample] = no_numbers(failed, evidence);
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
