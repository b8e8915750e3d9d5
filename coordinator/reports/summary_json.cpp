#include "coordinator/reports/summary_json.h"

#include "coordinator/reports/baseline_delta.h"
#include "coordinator/reports/json_text.h"
#include "coordinator/reports/json_warnings.h"

namespace kvcompare {
namespace {

OrderedJson json_line(const Comparison& comparison, const MethodResult& method) {
  OrderedJson line;
  line["method"] = method.spec.display_name;
  if (method.totals) put_finite(line, "perplexity", method.totals->perplexity);
  if (const auto delta = baseline_delta(comparison, method)) {
    line["ppl_delta"] = delta->ppl_delta;
    put_finite(line, "ppl_delta_pct", delta->ppl_delta_pct);
  }
  if (method.totals) put_finite(line, "compression_ratio", method.totals->avg_compression_ratio);
  if (!method.failed.empty()) line["failed_samples"] = method.failed.size();
  return line;
}

}  // namespace

std::string summary_json(const Comparison& comparison) {
  const MethodResult& baseline = comparison.methods.at(0);
  OrderedJson report;
  if (baseline.totals) put_finite(report, "baseline_perplexity", baseline.totals->perplexity);
  report["results"] = OrderedJson::array();
  for (std::size_t i = 1; i < comparison.methods.size(); ++i)
    report["results"].push_back(json_line(comparison, comparison.methods[i]));
  report["warnings"] = json_warnings(comparison.warnings);
  return json_text(report);
}

}  // namespace kvcompare
