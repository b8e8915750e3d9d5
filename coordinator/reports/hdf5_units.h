// Writes the group /units of results.h5, which has one row for each unit that succeeded. Layout:
// docs/results.md.
#pragma once

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/hdf5_file.h"
#include "coordinator/reports/read_unit.h"

namespace kvcompare {

// Reads each unit once, and holds a few at a time. Throws Hdf5Error.
void put_hdf5_units(Hdf5File& file, const Comparison& comparison, const ReadUnit& read_unit);

}  // namespace kvcompare
