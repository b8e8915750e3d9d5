#include "coordinator/reports/run_json.h"

#include <set>

#include "common/run/method_parameters.h"
#include "coordinator/comparison/instance_label.h"
#include "coordinator/json/json_text.h"
#include "coordinator/reports/json_instance.h"
#include "coordinator/reports/json_session.h"

namespace kvcompare {
namespace {

// Predicted tokens a second of one worker; absent if nothing was timed.
void put_speed(OrderedJson& json, const MethodResult& method) {
  std::int64_t n_predicted = 0;
  for (const SampleRow& row : method.per_sample) n_predicted += row.numbers.n_tokens - 1;
  if (method.seconds > 0)
    put_finite(json, "tokens_per_second", static_cast<double>(n_predicted) / method.seconds);
}

// Where what the instances read lies: trained scorers, and scores. In the order of the instances, each once.
void put_places(OrderedJson& report, const Comparison& comparison) {
  report["kvzap_scorers"] = OrderedJson::array();
  std::set<std::string> seen;
  for (const MethodResult& method : comparison.methods) {
    const auto* place = find_parameter(method.spec, ParameterRole::kPlace);
    const auto hash = text_of_role(method.spec, ParameterRole::kHash);
    if (!place || hash.empty() || !seen.insert(hash).second) continue;
    report[is_place_of_scores(place->name) ? "external_scores" : "kvzap_scorers"].push_back(
        {{"sha256", hash}, {"path", comparison.places.of(*place, hash)}});
  }
}

}  // namespace

std::string run_json(const Comparison& comparison, const std::vector<Session>& sessions) {
  OrderedJson report;
  const auto& places = comparison.places;
  report["paths"] = {{"model_name", places.model_name}, {"data_path", places.data_path}};
  put_places(report, comparison);
  report["sessions"] = OrderedJson::array();
  for (const Session& session : sessions) report["sessions"].push_back(json_session(session));
  report["methods"] = OrderedJson::array();
  for (const MethodResult& method : comparison.methods) {
    OrderedJson line;
    line["method_name"] = method.spec.display_name;
    line["label"] = label_of(method);
    put_threshold_search(line, method);
    put_finite(line, "seconds", method.seconds);
    put_speed(line, method);
    report["methods"].push_back(std::move(line));
  }
  return json_text(report);
}

}  // namespace kvcompare
