#include "worker/cpu/layer_schedule.h"

#include <algorithm>
#include <memory>
#include <variant>

#include "common/run/method_parameters.h"
#include "presses/schedule/schedule_drifting.h"
#include "presses/schedule/schedule_fixed.h"
#include "presses/schedule/schedule_observing.h"

namespace kvcompare {

Needs needs_of_schedule(const Scorer& scorer) {
  if (std::holds_alternative<std::unique_ptr<DriftingScorer>>(scorer)) return needs_of(scorer);
  if (std::holds_alternative<std::unique_ptr<ObservingScorer>>(scorer)) return {.q = true, .k = true};
  return {};
}

void schedule_head(const Scorer& scorer, const MethodSpec& method, const Chunking& chunking, const Rope& rope,
                   const WholeHead& head, std::span<const double> fixed_scores, std::span<DeathTime> deaths) {
  const auto n_sink = sinks_of(method);
  if (std::holds_alternative<NoScorer>(scorer)) {
    std::ranges::fill(deaths, kNever);
  } else if (std::holds_alternative<std::unique_ptr<FixedScorer>>(scorer)) {
    schedule_fixed(method.policy, n_sink, chunking, fixed_scores, deaths);
  } else if (const auto* drifting = std::get_if<std::unique_ptr<DriftingScorer>>(&scorer)) {
    const auto asked = (*drifting)->start_head(rope, what_is_needed(head, needs_of_schedule(scorer)));
    schedule_drifting(method.policy, n_sink, chunking, *asked, deaths);
  } else {
    const auto& observing = std::get<std::unique_ptr<ObservingScorer>>(scorer);
    schedule_observing(method.policy, n_sink, chunking, *observing,
                       what_is_needed(head, needs_of_schedule(scorer)), deaths);
  }
}

}  // namespace kvcompare
