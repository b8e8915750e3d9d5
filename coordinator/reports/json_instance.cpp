#include "coordinator/reports/json_instance.h"

#include "coordinator/comparison/instance_label.h"
#include "coordinator/json/json_run_spec.h"
#include "coordinator/reports/json_measured.h"

namespace kvcompare {

void put_identity(OrderedJson& object, const MethodResult& method) {
  object["method_name"] = method.spec.display_name;
  object["label"] = label_of(method);
  object["parameters"] = json_parameters(method.spec);
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

void put_cache(OrderedJson& object, const InstanceNumbers& numbers) {
  put_measured(object, "attended_density", numbers.attended_density);
  put_measured(object, "kept_fraction", numbers.kept_fraction);
  put_measured(object, "peak_cache_bytes", numbers.peak_cache_bytes);
  put_measured(object, "cache_bytes_end", numbers.cache_bytes_end);
}

}  // namespace kvcompare
