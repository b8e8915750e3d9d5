#include "coordinator/reports/baseline_delta.h"

#include <cmath>

namespace kvcompare {

std::optional<BaselineDelta> baseline_delta(const Comparison& comparison, const MethodResult& method) {
  const MethodResult& baseline = comparison.methods.at(0);
  if (!baseline.totals || !method.totals) return std::nullopt;
  const double reference = baseline.totals->perplexity;
  const double delta = method.totals->perplexity - reference;
  if (!std::isfinite(reference) || !std::isfinite(delta)) return std::nullopt;
  return BaselineDelta{delta, 100 * delta / reference};
}

}  // namespace kvcompare
