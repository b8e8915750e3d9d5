// The table on stdout. It does not depend on the clock.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// Returns the table. A method with one instance has one line. A method with several instances has a heading,
// and below it one line for each instance, named by its setting. Then follow the costs of sweeps at equal
// density, and what was skipped and what failed. A missing value is "-", a perplexity beyond the range of
// double is "overflow", and "~" marks a ΔNLL that cannot be told apart from 0.
//   width : columns of the terminal, if it is one. Columns of the table that do not fit are left out, the
//           least important first, and named below the table. Other lines are broken between words.
std::string table(const Comparison& comparison, std::optional<std::size_t> width = std::nullopt);

}  // namespace kvcompare
