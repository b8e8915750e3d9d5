// The sums of a unit over its scored tokens: the one place where they are made.
#pragma once

#include <vector>

#include "common/data/sample.h"
#include "common/run/unit_result.h"

namespace kvcompare {

// Puts the sample's index, lengths and scored tokens into the result, and the NLL of each token with the sum
// over those that are scored, in order.
//   token_nll : [n_tokens - 1], nats
void put_scored(UnitResult& result, const Sample& sample, std::vector<double> token_nll);

}  // namespace kvcompare
