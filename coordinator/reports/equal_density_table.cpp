#include "coordinator/reports/equal_density_table.h"

#include "coordinator/reports/equal_density_grid.h"
#include "coordinator/reports/table_layout.h"

namespace kvcompare {
std::string equal_density_table(const Statistics& statistics, std::optional<std::size_t> width) {
  const auto grid = equal_density_grid(statistics);
  if (grid.rows.empty()) return "";
  auto rows = text_rows(grid, "Density", Intervals::kShown);
  if (width && table_width(rows) > *width) rows = text_rows(grid, "Density", Intervals::kLeftOut);
  if (width && table_width(rows) > *width)
    return "\nΔNLL at equal density is not shown, because the terminal is narrow; it is in summary.md\n";
  return "\nΔNLL at equal density, between the points of a sweep\n\n" + aligned(rows);
}

}  // namespace kvcompare
