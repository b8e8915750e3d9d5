#include "presses/methods/baseline.h"

#include "presses/scorer.h"

namespace kvcompare {

MethodDescription baseline_method() {
  return {.name = "baseline",
          .display_name = "Baseline",
          .aliases = {"none", "full"},
          .policy = DefaultPolicy::kNone,
          .in_all = true,
          .summary = "keeps every key",
          .make = [](const MethodSpec&, const ScorerResources&) -> Scorer { return NoScorer{}; },
          .on_device = [](const MethodSpec&) -> DeviceSchedule { return KeepAllOnDevice{}; }};
}

}  // namespace kvcompare
