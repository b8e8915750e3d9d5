// The coordinator's side of the protocol in common/messages/messages.h: hands out units, and writes what
// comes back into the journal before it counts.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "common/data/sample.h"
#include "common/messages/messenger.h"
#include "common/run/method_spec.h"
#include "coordinator/journal/journal.h"
#include "coordinator/plan/run_estimate.h"
#include "coordinator/plan/scheduler.h"
#include "coordinator/same_numerics.h"

namespace kvcompare {

// samples and methods outlive the call.
struct Work {
  const std::vector<Sample>& samples;
  const std::vector<MethodSpec>& methods;
  std::vector<PlannedUnit> units;  // that are still to be evaluated
  std::string model{};             // SHA-256 of the model that every worker must have read
  std::string device_type{};       // that every worker must compute on; see check_same_device_type
  std::int64_t max_length = 0;     // tokens of a sample at most: what bins of positions depend on
  bool save_token_nll = false;
  std::vector<Numerics> numerics{};  // that the journal tells of
  MixedHardware mixed_hardware = MixedHardware::kRefuse;
};

struct Evaluated {
  bool interrupted = false;      // units are left
  std::int64_t n_evaluated = 0;  // attempts, failed ones included
  double seconds = 0;            // wall, first unit dispatched to last one done
};

struct CoordinatorHooks {
  // Called often; decides itself what to show.
  std::function<void(std::int64_t n_settled, const Outlook&)> progress;
  std::function<bool()> stop_requested;  // true: no new unit
  std::function<void()> begins{};        // called once, before the first unit is handed out
  std::function<void()>
      give_up{};  // called if units are still under way stop_grace after a stop was requested
  // Called after a stop if all workers but those that are still getting ready have left. Loading may take
  // minutes, and there is nothing that it would be good for. Ends the process; absent: they are waited for.
  std::function<void(const Evaluated& so_far)> leave_loading{};
  std::chrono::seconds stop_grace{120};
};

// No unit is handed out before all workers have said hello: what is wrong with one of them is told before
// anything is computed.
// Until every unit is evaluated or has failed for good (kMaxAttempts), or a stop is requested.
// Returns when each of the n_workers workers has said hello, been told to stop, and said goodbye.
// Runs on the calling thread; throws what the messenger and the journal throw, and the error of a worker that
// cannot go on.
Evaluated coordinate(Messenger& messenger, int n_workers, const Work& work, JournalWriter& journal,
                     const CoordinatorHooks& hooks);

}  // namespace kvcompare
