#include "coordinator/reports/json_warnings.h"

namespace kvcompare {

OrderedJson json_warnings(const std::vector<Warning>& warnings) {
  auto list = OrderedJson::array();
  for (const auto& warning : warnings) {
    OrderedJson json = {{"code", warning.code}, {"text", warning.text}, {"samples", warning.n_samples}};
    if (!warning.method.empty()) json["method"] = warning.method;
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace kvcompare
