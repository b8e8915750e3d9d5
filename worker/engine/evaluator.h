// Evaluates units: runs the engine, checks the results, and turns an error that concerns one unit into data.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/messages/messages.h"
#include "worker/engine/engine.h"

namespace kvcompare {

class Evaluator {
 public:
  //   device : its name in messages
  explicit Evaluator(std::unique_ptr<Engine> engine, std::string device = "cpu");

  // Returns outcomes in the order of the units. A unit's outcome is a UnitFailure if the error concerns only
  // this unit: an NLL or score that is not finite, or too little memory. Throws DeviceLost if the device
  // fails, because then no unit is to blame. Throws InvariantError if the counts of keys do not add up,
  // because then no number of this program can be trusted.
  std::vector<UnitOutcome> evaluate(std::span<const Assignment> units);

  // See Engine.
  void observe_work(WorkObserver observer) { engine_->observe_work(std::move(observer)); }

  std::int64_t n_tokens_at_once() const { return engine_->n_tokens_at_once(); }

 private:
  std::vector<EngineOutcome> run(std::span<const EngineTask> tasks);
  UnitOutcome checked(UnitId unit, EngineOutcome outcome) const;

  std::unique_ptr<Engine> engine_;
  std::string device_;
};

// Throws InvariantError unless the counts of keys agree with each other and with the sample's length.
void check_conservation(const UnitResult& result);

}  // namespace kvcompare
