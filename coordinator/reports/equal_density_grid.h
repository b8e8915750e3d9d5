// The cost of sweeps at equal density as a grid: one row for each sweep, one column for each density.
#pragma once

#include <string>
#include <vector>

#include "coordinator/comparison/statistics.h"

namespace kvcompare {

struct EqualDensityGrid {
  struct Row {
    std::string label;                   // the name of the sweep
    std::vector<const AtDensity*> at{};  // [densities]; null where there is no value
  };
  std::vector<double> densities;  // in the order asked for, each once
  std::vector<Row> rows;          // in the order in which the sweeps first occur
};

// The grid points into `statistics`. It has no rows if there is no sweep, or if no sweep reaches any of the
// densities.
EqualDensityGrid equal_density_grid(const Statistics& statistics);

enum class Intervals { kShown, kLeftOut };

// The grid as text, the titles first. `corner`: the title of the first column.
std::vector<std::vector<std::string>> text_rows(const EqualDensityGrid& grid, const std::string& corner,
                                                Intervals intervals);

}  // namespace kvcompare
