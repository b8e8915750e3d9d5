// From a journal to the comparison that reports are made of.
#pragma once

#include "coordinator/comparison.h"
#include "coordinator/journal.h"

namespace kvcompare {

// Sums, what only whole units tell, and statistics. Every unit of the run is settled. Throws DataError for a
// journal that changes while it is read.
Comparison comparison_of(const Journal& journal);

}  // namespace kvcompare
