#include "coordinator/reports/summary_json.h"

#include "coordinator/json/json_text.h"
#include "coordinator/reports/instance_numbers.h"
#include "coordinator/reports/json_instance.h"
#include "coordinator/reports/json_measured.h"
#include "coordinator/reports/json_statistics.h"
#include "coordinator/reports/json_warnings.h"
#include "coordinator/reports/schema_version.h"
#include "coordinator/reports/scored_note.h"

namespace kvcompare {
namespace {

OrderedJson json_line(const Comparison& comparison, std::size_t place) {
  const MethodResult& method = comparison.methods[place];
  const auto numbers = instance_numbers(comparison, place);
  OrderedJson line;
  line["method"] = method.spec.display_name;
  put_identity(line, method);
  put_measured(line, "perplexity", numbers.perplexity);
  put_measured(line, "bits_per_byte", numbers.bits_per_byte);
  put_measured(line, "word_perplexity", numbers.word_perplexity);
  put_deltas(line, numbers);
  put_measured(line, "compression_ratio", numbers.avg_compression_ratio);
  put_cache(line, numbers);
  put_divergence(line, numbers);
  put_answers(line, numbers);
  if (!method.failed.empty()) line["failed_samples"] = method.failed.size();
  return line;
}

}  // namespace

std::string summary_json(const Comparison& comparison) {
  OrderedJson report;
  report["schema_version"] = kSchemaVersion;
  report["scored"] = scored_flag(comparison);
  const auto baseline = instance_numbers(comparison, 0);
  put_measured(report, "baseline_perplexity", baseline.perplexity);
  put_measured(report, "baseline_greedy_accuracy", baseline.greedy_accuracy);
  put_measured(report, "baseline_greedy_accuracy_ci95", baseline.greedy_accuracy_ci95);
  put_measured(report, "baseline_answers", baseline.answers);
  put_measured(report, "baseline_answers_ci95", baseline.answers_ci95);
  report["results"] = OrderedJson::array();
  for (std::size_t place = 1; place < comparison.methods.size(); ++place)
    report["results"].push_back(json_line(comparison, place));
  put_statistics(report, comparison);
  report["warnings"] = json_warnings(comparison.warnings);
  return json_text(report);
}

}  // namespace kvcompare
