// The table on stdout. Nothing in it depends on the clock.
#pragma once

#include <string>

#include "coordinator/comparison.h"

namespace kvcompare {

// A line a method, below it what was skipped and what failed. A value that does not exist is "-"; a
// perplexity beyond the range of double is "overflow".
std::string table(const Comparison& comparison);

}  // namespace kvcompare
