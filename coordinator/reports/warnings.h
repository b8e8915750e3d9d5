// Finds what a reader of the numbers must know: samples that were cut off, and settings under which a method
// did not do what its name says. The journal alone is read for this.
#pragma once

#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/journal_record.h"
#include "coordinator/journal/unit_table.h"

namespace kvcompare {

// Returns at most one warning of each kind for each method, in a fixed order. Of units without a result only
// what the header says is known.
//   numerics : the arithmetic of the units that count, each kind once
std::vector<Warning> warnings_of(const JournalHeader& header, const UnitTable& units,
                                 const std::vector<Numerics>& numerics = {});

// Returns a warning if there are so many pairs of instances, for so few samples, that none can be called
// different.
std::vector<Warning> warnings_of_pairs(const Comparison& comparison);

}  // namespace kvcompare
