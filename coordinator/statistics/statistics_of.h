// The statistics of a comparison. Definitions: docs/semantics.md, "Statistics".
#pragma once

#include <vector>

#include "common/usable_cores.h"
#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// The same whatever the number of threads; fewer are used if the system does not give them.
//   densities : attended_density at which sweeps are compared
// Throws InvariantError if methods without a failed unit do not have the same samples.
Statistics statistics_of(const Comparison& comparison, const std::vector<double>& densities,
                         int n_threads = usable_cores().n);

}  // namespace kvcompare
