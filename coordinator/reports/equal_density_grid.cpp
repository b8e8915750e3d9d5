#include "coordinator/reports/equal_density_grid.h"

#include <algorithm>

#include "common/shortest.h"
#include "coordinator/reports/comparison_grid.h"
#include "coordinator/reports/number_text.h"

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

std::vector<std::vector<std::string>> text_rows(const EqualDensityGrid& grid, const std::string& corner,
                                                Intervals intervals) {
  std::vector<std::vector<std::string>> rows{{corner}};
  for (const double density : grid.densities) rows[0].push_back(shortest(density));
  for (const auto& row : grid.rows) {
    rows.push_back({row.label});
    for (const auto* at : row.at) {
      const bool is_there = at != nullptr && at->avg_nll_delta;
      std::string cell = is_there ? delta_text(*at->avg_nll_delta) : kNoValue;
      if (is_there && at->ci95 && intervals == Intervals::kShown) cell += " " + interval_text(*at->ci95);
      rows.back().push_back(cell);
    }
  }
  return rows;
}

}  // namespace kvcompare
