#include "coordinator/reports/equal_density_table.h"

#include <vector>

#include "common/shortest.h"
#include "coordinator/reports/comparison_grid.h"
#include "coordinator/reports/equal_density_grid.h"
#include "coordinator/reports/number_text.h"
#include "coordinator/reports/table_layout.h"

namespace kvcompare {
namespace {

enum class Intervals { kShown, kLeftOut };

std::vector<TableRow> table_rows(const EqualDensityGrid& grid, Intervals intervals) {
  std::vector<TableRow> rows{{"Density"}};
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

}  // namespace

std::string equal_density_table(const Statistics& statistics, std::optional<std::size_t> width) {
  const auto grid = equal_density_grid(statistics);
  if (grid.rows.empty()) return "";
  auto rows = table_rows(grid, Intervals::kShown);
  if (width && table_width(rows) > *width) rows = table_rows(grid, Intervals::kLeftOut);
  if (width && table_width(rows) > *width)
    return "\nΔNLL at equal density is not shown, because the terminal is narrow; it is in summary.md\n";
  return "\nΔNLL at equal density, between the points of a sweep\n\n" + aligned(rows);
}

}  // namespace kvcompare
