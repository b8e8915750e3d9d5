// The coordinator's side of the protocol in common/messages/messages.h. It hands out units, and writes every
// result to the journal before the result counts.
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
  std::vector<PlannedUnit> units;  // the units that are still to be evaluated
  std::string model{};             // SHA-256 of the model; every worker must have read this model
  std::string device_type{};       // every worker must compute on this; see check_same_device_type
  std::int64_t max_length = 0;     // the most tokens of a sample; the bins of positions depend on it
  bool save_token_nll = false;
  bool no_divergence = false;
  std::vector<Numerics> numerics{};  // the kinds of arithmetic that the journal names
  MixedHardware mixed_hardware = MixedHardware::kRefuse;
};

struct Evaluated {
  bool interrupted = false;      // true: some units were not evaluated
  std::int64_t n_evaluated = 0;  // attempts, including failed ones
  double seconds = 0;            // wall time, from handing out the first unit to the end of the last
};

struct CoordinatorHooks {
  // Called often; decides itself when to show something.
  std::function<void(std::int64_t n_settled, const Outlook&)> progress;
  std::function<bool()> stop_requested;  // true: no new unit is handed out
  std::function<void()> begins{};        // called once, before the first unit is handed out
  std::function<void()>
      give_up{};  // called if units are still being evaluated stop_grace after a stop was requested
  // Called after a stop, once the only workers left are those that are still loading. Loading may take
  // minutes and would be of no use, so this ends the process. If absent, the coordinator waits for these
  // workers.
  std::function<void(const Evaluated& so_far)> leave_loading{};
  std::chrono::seconds stop_grace{120};
  std::function<double()> now{};  // seconds on the clock of the estimate; absent: the steady clock
};

// Hands out units until every unit is evaluated or has failed in every attempt (kMaxAttempts), or until a
// stop is requested. No unit is handed out before all workers have said hello, so an error of one of them is
// reported before anything is computed. Returns when each of the n_workers workers has said hello, has been
// told to stop, and has said goodbye. Runs on the calling thread. Throws what the messenger and the journal
// throw, and the error of a worker that cannot continue.
Evaluated coordinate(Messenger& messenger, int n_workers, const Work& work, JournalWriter& journal,
                     const CoordinatorHooks& hooks);

}  // namespace kvcompare
