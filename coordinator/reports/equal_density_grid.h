// What sweeps cost at equal density, arranged: a row a sweep, a column a density.
#pragma once

#include <string>
#include <vector>

#include "coordinator/comparison/statistics.h"

namespace kvcompare {

struct EqualDensityGrid {
  struct Row {
    std::string label;                   // of the sweep
    std::vector<const AtDensity*> at{};  // [densities]; null where nothing is known
  };
  std::vector<double> densities;  // as asked for, each once
  std::vector<Row> rows;          // in the order in which the sweeps first occur
};

// Points into `statistics`. No rows if there is no sweep, or none reaches any of the densities.
EqualDensityGrid equal_density_grid(const Statistics& statistics);

}  // namespace kvcompare
