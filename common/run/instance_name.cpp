#include "common/run/instance_name.h"

#include "common/run/method_parameters.h"
#include "common/shortest.h"

namespace kvcompare {
std::string parameter_text(double value) { return shortest(value); }
std::string parameter_text(std::int64_t value) { return shortest(value); }
std::string parameter_text(std::uint64_t value) { return shortest(value); }
std::string parameter_text(bool value) { return value ? "true" : "false"; }

std::string instance_name(const MethodSpec& method) {
  std::string name = method.name;
  visit_used(method, [&](std::string_view flag, const auto& value) {
    name += ":" + std::string(flag) + "=" + parameter_text(value);
  });
  return name;
}

}  // namespace kvcompare
