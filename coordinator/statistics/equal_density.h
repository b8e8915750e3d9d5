// Methods compared where they read the same share of the keys. Definition: docs/semantics.md, "Statistics".
#pragma once

#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/statistics/bootstrap.h"
#include "coordinator/statistics/sweeps.h"

namespace kvcompare {

// By density as asked for, then by sweep; without intervals.
//   columns : of the comparison
std::vector<AtDensity> equal_density(const Comparison& comparison, const SummedColumns& columns,
                                     const std::vector<Sweep>& sweeps, const std::vector<double>& densities);

// The interval of a row that has a value, or why there is none.
//   bootstrap : of the comparison, with the densities of the sweep's points
void add_interval(AtDensity& row, const Bootstrap& bootstrap);

}  // namespace kvcompare
