#include "coordinator/journal_comparison.h"

#include "coordinator/aggregate.h"
#include "coordinator/statistics/statistics_of.h"

namespace kvcompare {

Comparison comparison_of(const Journal& journal) {
  auto comparison = aggregate(journal.header(), journal.units(), journal.numerics());
  add_details(comparison, [&](UnitId unit) { return journal.read_unit(unit); });
  comparison.statistics = statistics_of(comparison, journal.header().spec.at_density);
  return comparison;
}

}  // namespace kvcompare
