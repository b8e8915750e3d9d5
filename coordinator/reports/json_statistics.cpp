#include "coordinator/reports/json_statistics.h"

#include "coordinator/comparison/instance_label.h"
#include "coordinator/reports/json_measured.h"

namespace kvcompare {
namespace {

const std::string& label_at(const Comparison& comparison, MethodIndex method) {
  return label_of(comparison.methods.at(static_cast<std::size_t>(method.value)));
}

OrderedJson json_differences(const Comparison& comparison) {
  auto list = OrderedJson::array();
  for (const Difference& difference : comparison.statistics.differences) {
    OrderedJson json;
    json["a"] = label_at(comparison, difference.a);
    json["b"] = label_at(comparison, difference.b);
    json["avg_nll_difference"] = difference.avg_nll_difference;
    put_measured(json, "ci95", measured(difference.ci95, difference.reason));
    put_measured(json, "p_value", measured(difference.p_value, difference.reason));
    put_measured(json, "p_value_holm", measured(difference.p_value_holm, difference.reason));
    if (difference.ci95) {
      json["different"] = difference.is_different();
    } else {
      json["different"] = nullptr;
      json["different_reason"] = measured(difference.ci95, difference.reason).reason;
    }
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace

OrderedJson json_equal_density(const Statistics& statistics) {
  auto list = OrderedJson::array();
  for (const AtDensity& at : statistics.equal_density) {
    OrderedJson json;
    json["density"] = at.density;
    json["method_name"] = at.method_name;
    json["label"] = at.label;
    put_measured(json, "avg_nll_delta", measured(at.avg_nll_delta, at.reason));
    put_measured(json, "ci95", measured(at.ci95, at.reason));
    list.push_back(std::move(json));
  }
  return list;
}

void put_statistics(OrderedJson& report, const Comparison& comparison) {
  report["equal_density"] = json_equal_density(comparison.statistics);
  report["differences"] = json_differences(comparison);
  if (const auto& reason = comparison.statistics.differences_reason; !reason.empty())
    report["differences_reason"] = reason;
}

}  // namespace kvcompare
