// Evaluates units: runs the engine, checks what it gives, and turns what can go wrong with one unit into
// data.
#pragma once

#include <memory>

#include "common/messages.h"
#include "worker/engine.h"

namespace kvcompare {

class Evaluator {
 public:
  explicit Evaluator(std::unique_ptr<Engine> engine);

  // A UnitFailure for what concerns this unit only: an NLL or score that is not finite, memory that does not
  // suffice. Throws InvariantError if the counts of keys do not add up: then no number of this program is to
  // be trusted.
  UnitOutcome evaluate(const Assign& assignment);

 private:
  std::unique_ptr<Engine> engine_;
};

// Throws InvariantError unless the counts of keys agree with each other and with the sample's length.
void check_conservation(const UnitResult& result);

}  // namespace kvcompare
