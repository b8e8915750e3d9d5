#include "coordinator/journal_comparison.h"

#include "coordinator/aggregate.h"
#include "coordinator/statistics/statistics_of.h"

namespace kvcompare {

Comparison comparison_of(const Journal& journal, const std::optional<std::vector<double>>& at_density) {
  auto comparison = aggregate(journal.header(), journal.units(), journal.numerics());
  add_details(comparison, [&](UnitId unit) { return journal.read_unit(unit); });
  if (at_density) comparison.spec.at_density = *at_density;
  comparison.statistics = statistics_of(comparison, comparison.spec.at_density);
  return comparison;
}

}  // namespace kvcompare
