#include "common/run/found_threshold.h"

#include <variant>

#include "common/errors.h"
#include "common/run/method_parameters.h"

namespace kvcompare {

MethodSpec with_target_density(MethodSpec method, double target_density) {
  require(std::holds_alternative<ScoreThreshold>(method.policy), "a density is asked for of a threshold");
  std::get<ScoreThreshold>(method.policy).threshold = 0;
  set_parameter(method.parameters, kTargetDensity, target_density);
  return method;
}

std::optional<double> target_density_of(const MethodSpec& method) {
  const auto* parameter = find_parameter(method.parameters, kTargetDensity);
  return parameter ? std::optional(value_as<double>(*parameter)) : std::nullopt;
}

MethodSpec with_threshold(MethodSpec method, double threshold) {
  std::get<ScoreThreshold>(method.policy).threshold = threshold;
  std::erase_if(method.parameters, [](const auto& parameter) { return parameter.name == kTargetDensity; });
  return method;
}

}  // namespace kvcompare
