#include "coordinator/reports/journal_comparison.h"

#include <utility>

#include "coordinator/reports/aggregate.h"
#include "coordinator/reports/warnings.h"
#include "coordinator/statistics/statistics_of.h"

namespace kvcompare {

Comparison comparison_of(const Journal& journal, const std::optional<std::vector<double>>& at_density) {
  auto comparison = aggregate(journal.header(), journal.units(), journal.numerics());
  add_details(comparison, [&](UnitId unit) { return journal.read_unit(unit); });
  if (at_density) comparison.spec.at_density = *at_density;
  comparison.statistics = statistics_of(comparison, comparison.spec.at_density);
  for (auto& warning : warnings_of_pairs(comparison)) comparison.warnings.push_back(std::move(warning));
  return comparison;
}

}  // namespace kvcompare
