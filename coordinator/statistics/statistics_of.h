// Computes the statistics of a comparison. Definitions: docs/semantics.md, "Statistics".
#pragma once

#include <vector>

#include "common/usable_cores.h"
#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// The result does not depend on the number of threads. Fewer threads are used if the system does not give
// them. Throws InvariantError if methods without a failed unit do not have the same samples.
//   densities : the attended_density values at which sweeps are compared
Statistics statistics_of(const Comparison& comparison, const std::vector<double>& densities,
                         int n_threads = usable_cores().n);

}  // namespace kvcompare
