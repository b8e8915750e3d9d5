#include "coordinator/reports/equal_density_grid.h"

#include <algorithm>

namespace kvcompare {

EqualDensityGrid equal_density_grid(const Statistics& statistics) {
  EqualDensityGrid grid;
  const auto& all = statistics.equal_density;
  if (std::ranges::none_of(all, [](const AtDensity& at) { return at.avg_nll_delta.has_value(); }))
    return grid;
  for (const auto& at : all) {
    if (std::ranges::count(grid.densities, at.density) == 0) grid.densities.push_back(at.density);
    if (std::ranges::count(grid.rows, at.label, &EqualDensityGrid::Row::label) == 0)
      grid.rows.push_back({at.label});
  }
  for (auto& row : grid.rows)
    for (const double density : grid.densities) {
      const auto found = std::ranges::find_if(
          all, [&](const AtDensity& at) { return at.label == row.label && at.density == density; });
      row.at.push_back(found == all.end() ? nullptr : &*found);
    }
  return grid;
}

}  // namespace kvcompare
