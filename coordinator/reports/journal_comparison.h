// Makes the comparison, from which all reports are made, from a journal.
#pragma once

#include <optional>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/journal.h"

namespace kvcompare {

// Reads every unit of the journal and computes sums and statistics. Every unit of the run must be done or
// failed for good. Throws DataError if the journal changes while it is read.
//   at_density : where to compare sweeps; absent: where the run asked for it
Comparison comparison_of(const Journal& journal,
                         const std::optional<std::vector<double>>& at_density = std::nullopt);

}  // namespace kvcompare
