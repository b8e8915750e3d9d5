// How much a method's perplexity differs from the baseline's.
#pragma once

#include <optional>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

struct BaselineDelta {
  double ppl_delta = 0;      // method - baseline
  double ppl_delta_pct = 0;  // 100 * ppl_delta / baseline
};

// Absent unless both have a finite perplexity.
std::optional<BaselineDelta> baseline_delta(const Comparison& comparison, const MethodResult& method);

}  // namespace kvcompare
