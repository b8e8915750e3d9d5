#include "common/run/method_parameters.h"

namespace kvcompare {

std::vector<std::string> swept_flags(const MethodSpec& method) {
  std::vector<std::string> flags;
  visit_parameters(method.parameters, [&](std::string_view flag, const auto&) {
    if (reads(method, flag) && flag != "kvzap_model_type") flags.emplace_back(flag);
  });
  if (std::holds_alternative<ScoreThreshold>(method.policy)) {
    flags.emplace_back("sliding_window_size");
    flags.emplace_back("threshold");
  } else if (std::holds_alternative<RatioBudget>(method.policy)) {
    flags.emplace_back("compression_ratio");
  }
  return flags;
}

}  // namespace kvcompare
