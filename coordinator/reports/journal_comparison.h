// From a journal to the comparison that reports are made of.
#pragma once

#include <optional>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/journal.h"

namespace kvcompare {

// Sums, what only whole units tell, and statistics. Every unit of the run is settled.
//   at_density : where sweeps are compared; absent: where the run asked for it
// Throws DataError for a journal that changes while it is read.
Comparison comparison_of(const Journal& journal,
                         const std::optional<std::vector<double>>& at_density = std::nullopt);

}  // namespace kvcompare
