#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "coordinator/comparison/statistics.h"

namespace kvcompare {

// The ΔNLL of sweeps at equal density as text, after an empty line: one line for each sweep, one column for
// each density. On a narrow terminal the intervals are left out; on a very narrow one a remark takes the
// place of the table. Empty if no sweep reaches any of the densities.
std::string equal_density_table(const Statistics& statistics, std::optional<std::size_t> width);

}  // namespace kvcompare
