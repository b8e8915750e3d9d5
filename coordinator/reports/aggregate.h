// From units to the comparison. Sums run in data-set order in double precision, so they do not depend on who
// evaluated what or when.
#pragma once

#include <functional>

#include "common/run/run_spec.h"
#include "common/run/unit_result.h"
#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/journal_record.h"
#include "coordinator/journal/unit_table.h"

namespace kvcompare {

// units: every one of the run is settled.
Comparison aggregate(const JournalHeader& header, const UnitTable& units,
                     const std::vector<Numerics>& numerics = {});

// Fills in what only whole units tell: NLL by position, kept keys by head. In data-set order.
//   read_unit : the whole result of a unit that succeeded
void add_details(Comparison& comparison, const std::function<UnitResult(UnitId)>& read_unit);

// A method must do what its counts say. Throws InvariantError if, against the baseline,
//   - it withheld keys from scored queries, yet its NLL is the baseline's bit for bit in every such sample,
//   and one
//     is long enough to show it: 1 % of its (query, key) pairs were withheld (a few of little weight may
//     drown in rounding);
//   - it withheld none in a sample, yet its NLL there differs.
// Samples with a failed unit are left out.
void check_effect(const RunSpec& spec, const UnitTable& units);

}  // namespace kvcompare
