#include "coordinator/reports/instance_spelling.h"

#include "coordinator/reports/json_run_spec.h"
#include "coordinator/reports/number_text.h"

namespace kvcompare {

std::string instance_spelling(const MethodSpec& method) {
  std::string text = method.name;
  const auto parameters = json_parameters(method);
  for (const auto& [name, value] : parameters.items()) {
    if (name == "policy" && value == "none") continue;
    text += ":" + name + "=";
    if (value.is_string()) {
      text += value.get<std::string>();
    } else {
      text += value.is_number_float() ? exact_text(value.get<double>()) : value.dump();
    }
  }
  return text;
}

}  // namespace kvcompare
