#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "coordinator/comparison/statistics.h"

namespace kvcompare {

// ΔNLL of sweeps at equal density, below an empty line: a line a sweep, a column a density. Without intervals
// where the terminal has no room for them, and nothing but a remark where it has none for the table. Empty if
// no sweep reaches any of the densities.
std::string equal_density_table(const Statistics& statistics, std::optional<std::size_t> width);

}  // namespace kvcompare
