// Compares methods where they read the same share of the keys. Definition: docs/semantics.md, "Statistics".
#pragma once

#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/statistics/bootstrap.h"
#include "coordinator/statistics/sweeps.h"

namespace kvcompare {

// Returns rows by density in the order asked for, then by sweep, without intervals.
//   columns : those of the comparison
std::vector<AtDensity> equal_density(const Comparison& comparison, const SummedColumns& columns,
                                     const std::vector<Sweep>& sweeps, const std::vector<double>& densities);

// Adds the interval of a row that has a value, or the reason why there is none.
//   bootstrap : that of the comparison, with the densities of the sweep's points
void add_interval(AtDensity& row, const Bootstrap& bootstrap);

}  // namespace kvcompare
