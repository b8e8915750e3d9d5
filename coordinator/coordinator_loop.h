// The coordinator's side of the protocol in common/messages.h: hands out the plan's units and gathers what
// comes back.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "common/messenger.h"
#include "common/method_spec.h"
#include "common/sample.h"
#include "common/unit_result.h"
#include "coordinator/plan.h"

namespace kvcompare {

struct Attempted {
  UnitOutcome outcome;  // of the last attempt
  int n_attempts = 0;
};

struct Gathered {
  std::map<UnitId, Attempted> units;  // all of the plan, unless interrupted; without token_nll
  bool interrupted = false;
  double evaluate_seconds = 0;  // wall, first unit dispatched to last done
};

struct CoordinatorHooks {
  std::function<void(std::int64_t n_done, std::int64_t n_units)>
      progress;                          // called often; decides itself what to show
  std::function<bool()> stop_requested;  // true: no new unit
};

// Until every unit is evaluated or has failed for good (three attempts), or a stop is requested.
// Returns when each of the n_workers workers has said hello and been told to stop.
// Runs on the calling thread; throws what the messenger throws.
Gathered coordinate(Messenger& messenger, int n_workers, const Plan& plan, const std::vector<Sample>& samples,
                    const std::vector<MethodSpec>& methods, const CoordinatorHooks& hooks);

}  // namespace kvcompare
