#pragma once

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// swept_comparison() with distributions compared and answers counted, with token NLLs kept. Of the 8 scored
// tokens of two samples: baseline 5 greedy hits; StreamingLLM 0.5 has a mean KL of 1/8, 0.75 one of 1/2,
// KVzap one of 1/4000.
Comparison compared_distributions();

// The KL of each scored token of StreamingLLM 0.5: sample 0, then sample 2.
inline constexpr double kKlOfTokens[] = {0.125, 0.0, 0.125, 0.25, 0.0, 0.25, 0.125, 0.125};

}  // namespace kvcompare
