#include "coordinator/plan.h"

namespace kvcompare {

Plan make_plan(const std::vector<Sample>& samples, std::size_t n_methods) {
  Plan plan;
  for (const auto& sample : samples) {
    if (sample.ids.size() < 2) {
      plan.skipped.push_back(sample.index);
      continue;
    }
    for (std::size_t m = 0; m < n_methods; ++m) {
      plan.units.push_back({sample.index, MethodIndex(static_cast<std::int64_t>(m))});
      plan.n_tokens.push_back(std::ssize(sample.ids));
    }
  }
  return plan;
}

}  // namespace kvcompare
