// The table on stdout. Nothing in it depends on the clock.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// A line a method; one with several instances has a heading, and below it a line an instance, named by its
// setting. Then what sweeps cost at equal density, and what was skipped and what failed. A value that does
// not exist is "-"; a perplexity beyond the range of double is "overflow"; "~" stands behind a ΔNLL that
// cannot be told from 0.
//   width : columns of the terminal, if it is one. Columns of the table that do not fit are left out, the
//           least important first, and named below it; other lines are broken between words.
std::string table(const Comparison& comparison, std::optional<std::size_t> width = std::nullopt);

}  // namespace kvcompare
