// What a reader of the numbers must know beside them: samples that were cut, and settings under which a
// method did not do what its name says. Made from the journal alone.
#pragma once

#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/journal_record.h"
#include "coordinator/journal/unit_table.h"

namespace kvcompare {

// One of a kind and method, in a fixed order. From units without a result only those that the header tells.
//   numerics : that the units which count were computed with, each once
std::vector<Warning> warnings_of(const JournalHeader& header, const UnitTable& units,
                                 const std::vector<Numerics>& numerics = {});

// There are so many pairs of instances for so few samples that none can be called different.
std::vector<Warning> warnings_of_pairs(const Comparison& comparison);

}  // namespace kvcompare
