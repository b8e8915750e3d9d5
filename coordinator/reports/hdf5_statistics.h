// Writes the groups /statistics, /equal_density and /differences of results.h5. Layout: docs/results.md.
#pragma once

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/hdf5_file.h"

namespace kvcompare {

// A missing number is stored as NaN; the array of texts beside it says why it is missing. Throws Hdf5Error.
void put_hdf5_statistics(Hdf5File& file, const Comparison& comparison);

}  // namespace kvcompare
