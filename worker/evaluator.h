// Evaluates units: runs the engine, checks what it gives, and turns what can go wrong with one unit into
// data.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/messages.h"
#include "worker/engine.h"

namespace kvcompare {

class Evaluator {
 public:
  explicit Evaluator(std::unique_ptr<Engine> engine);

  // In the order given. A UnitFailure for what concerns a unit only: an NLL or score that is not finite,
  // memory that does not suffice. Throws InvariantError if the counts of keys do not add up: then no number
  // of this program is to be trusted.
  std::vector<UnitOutcome> evaluate(std::span<const Assignment> units);

  std::int64_t n_tokens_at_once() const { return engine_->n_tokens_at_once(); }

 private:
  std::unique_ptr<Engine> engine_;
};

// Throws InvariantError unless the counts of keys agree with each other and with the sample's length.
void check_conservation(const UnitResult& result);

}  // namespace kvcompare
