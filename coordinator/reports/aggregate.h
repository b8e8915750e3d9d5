// Makes the comparison from the results of units. Sums run in data-set order in double precision, so they do
// not depend on which worker evaluated a unit, or when.
#pragma once

#include <functional>

#include "common/run/run_spec.h"
#include "common/run/unit_result.h"
#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/journal_record.h"
#include "coordinator/journal/unit_table.h"

namespace kvcompare {

//   units : every unit of the run, each done or failed for good
Comparison aggregate(const JournalHeader& header, const UnitTable& units,
                     const std::vector<Numerics>& numerics = {});

// Adds what the summaries of units do not hold: NLL by position, kept keys by head, and
// sketches of what compares distributions. Reads units in data-set order.
//   read_unit : returns the whole result of a unit that succeeded
void add_details(Comparison& comparison, const std::function<UnitResult(UnitId)>& read_unit);

// Checks that a method does what its counts say. Throws InvariantError if one of these holds, compared with
// the baseline:
//   - The method withheld keys from scored queries, yet its NLL equals the baseline's bit for bit in each
//     such sample. At least one such sample must be clear enough: 1 % of its (query, key) pairs were
//     withheld. (The effect of a few pairs of little weight may vanish in rounding.)
//   - The method withheld no key in a sample, yet its NLL there differs.
// Samples with a failed unit are left out.
void check_effect(const RunSpec& spec, const UnitTable& units);

}  // namespace kvcompare
