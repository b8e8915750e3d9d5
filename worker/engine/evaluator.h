// Evaluates units: runs the engine, checks the results, and turns an error that concerns one unit into data.
// If distributions are compared, it runs the baseline of each sample with the other methods, in one call of
// the engine, and remembers its last hidden states for units that come later.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/messages/messages.h"
#include "worker/engine/engine.h"
#include "worker/engine/reference_cache.h"

namespace kvcompare {

class Evaluator {
 public:
  //   device           : its name in messages
  //   reference_memory : bytes of the ReferenceCache
  explicit Evaluator(std::unique_ptr<Engine> engine, std::string device = "cpu",
                     std::int64_t reference_memory = 0);

  // Returns outcomes in the order of the units. A unit's outcome is a UnitFailure if the error concerns only
  // this unit: an NLL or score that is not finite, or too little memory. Throws DeviceLost if the device
  // fails, because then no unit is to blame. Throws InvariantError if the counts of keys do not add up,
  // because then no number of this program can be trusted, and CheckpointError if a mapped file has changed.
  //   baseline : with whose distributions those of the other methods are compared. Where the baseline of a
  //              sample is neither among the units nor remembered, it is run, and its result is dropped; if
  //              it fails, the units fail. Absent: distributions are not compared.
  std::vector<UnitOutcome> evaluate(std::span<const Assignment> units,
                                    const std::optional<MethodSpec>& baseline = std::nullopt);

  // See Engine.
  void observe_work(WorkObserver observer) { observer_ = std::move(observer); }

  std::int64_t n_tokens_at_once() const { return engine_->n_tokens_at_once(); }

 private:
  std::vector<EngineOutcome> run(std::span<const EngineTask> tasks);
  std::vector<EngineOutcome> run_all(std::span<const Assignment> units);
  std::vector<EngineOutcome> run_compared(std::span<const Assignment> units, const MethodSpec& baseline);
  UnitOutcome checked(UnitId unit, EngineOutcome outcome, bool is_compared) const;

  std::unique_ptr<Engine> engine_;
  std::string device_;
  ReferenceCache cache_;
  WorkObserver observer_;
};

// Throws InvariantError unless the counts of keys agree with each other and with the sample's length.
void check_conservation(const UnitResult& result);

}  // namespace kvcompare
