#include "coordinator/reports/json_instance.h"

#include "coordinator/comparison/instance_label.h"
#include "coordinator/json/json_fields.h"
#include "coordinator/json/json_run_spec.h"
#include "coordinator/reports/json_measured.h"

namespace kvcompare {

void put_identity(OrderedJson& object, const MethodResult& method) {
  object["method_name"] = method.spec.display_name;
  object["label"] = label_of(method);
  object["parameters"] = json_parameters(method.spec);
  put_threshold_search(object, method);
}

void put_threshold_search(OrderedJson& object, const MethodResult& method) {
  if (!method.found_threshold) return;
  auto search = json_value(*method.found_threshold);
  search.erase("instance");
  object["threshold_search"] = std::move(search);
}

void put_deltas(OrderedJson& object, const InstanceNumbers& numbers) {
  put_measured(object, "ppl_delta", numbers.ppl_delta);
  put_measured(object, "ppl_delta_pct", numbers.ppl_delta_pct);
  put_measured(object, "ppl_delta_ci95", numbers.ppl_delta_ci95);
  put_measured(object, "avg_nll_delta", numbers.avg_nll_delta);
  put_measured(object, "avg_nll_delta_ci95", numbers.avg_nll_delta_ci95);
  put_measured(object, "p_value", numbers.p_value);
  put_measured(object, "p_value_holm", numbers.p_value_holm);
}

void put_divergence(OrderedJson& object, const InstanceNumbers& numbers) {
  put_measured(object, "mean_kl", numbers.mean_kl);
  put_measured(object, "mean_kl_ci95", numbers.mean_kl_ci95);
  put_measured(object, "kl_percentiles", numbers.kl_percentiles);
  put_measured(object, "same_top1", numbers.same_top1);
  put_measured(object, "same_top1_ci95", numbers.same_top1_ci95);
  put_measured(object, "acceptance", numbers.acceptance);
  put_measured(object, "mean_delta_p", numbers.mean_delta_p);
  put_measured(object, "rms_delta_p", numbers.rms_delta_p);
  put_measured(object, "delta_p_percentiles", numbers.delta_p_percentiles);
  put_measured(object, "delta_nll_above_1", numbers.delta_nll_above_1);
  put_measured(object, "delta_nll_above_3", numbers.delta_nll_above_3);
}

void put_answers(OrderedJson& object, const InstanceNumbers& numbers) {
  put_measured(object, "greedy_accuracy", numbers.greedy_accuracy);
  put_measured(object, "greedy_accuracy_ci95", numbers.greedy_accuracy_ci95);
  put_measured(object, "spans", numbers.spans);
  put_measured(object, "spans_exact", numbers.spans_exact);
  put_measured(object, "answers", numbers.answers);
  put_measured(object, "answers_ci95", numbers.answers_ci95);
  if (numbers.evidence)
    visit_evidence(*numbers.evidence, [&](const char* name, const char*, const auto& number) {
      put_measured(object, name, number);
    });
}

void put_cache(OrderedJson& object, const InstanceNumbers& numbers) {
  put_measured(object, "attended_density", numbers.attended_density);
  put_measured(object, "kept_fraction", numbers.kept_fraction);
  put_measured(object, "peak_cache_bytes", numbers.peak_cache_bytes);
  put_measured(object, "cache_bytes_end", numbers.cache_bytes_end);
}

}  // namespace kvcompare
