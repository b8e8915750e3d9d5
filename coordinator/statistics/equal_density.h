// Methods compared where they read the same share of the keys. Definition: docs/semantics.md, "Statistics".
#pragma once

#include <vector>

#include "coordinator/comparison.h"
#include "coordinator/statistics/resamples.h"
#include "coordinator/statistics/sweeps.h"

namespace kvcompare {

// By density as asked for, then by sweep.
//   resamples : of the comparison, with the densities of the sweeps' points; absent if there are no samples
std::vector<AtDensity> equal_density(const Comparison& comparison, const std::vector<Sweep>& sweeps,
                                     const std::vector<double>& densities, const Resamples* resamples,
                                     int n_threads);

}  // namespace kvcompare
