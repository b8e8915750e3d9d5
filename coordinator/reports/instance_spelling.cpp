#include "coordinator/reports/instance_spelling.h"

#include "coordinator/reports/json_run_spec.h"

namespace kvcompare {

std::string instance_spelling(const MethodSpec& method) {
  std::string text = method.name;
  const auto parameters = json_parameters(method);
  for (const auto& [name, value] : parameters.items())
    text += ":" + name + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

}  // namespace kvcompare
