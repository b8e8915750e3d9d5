// What a run will take, before it begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/journal/unit_table.h"
#include "coordinator/plan/planned_unit.h"

namespace kvcompare {

// Of the units of one instance that are still to be evaluated.
struct InstanceForecast {
  std::int64_t n_units = 0;
  double cost = 0;                  // floating-point operations, see predicted_cost()
  std::optional<double> seconds{};  // of one worker; absent if nothing was measured yet
};

// The time follows from the seconds that units of earlier sessions took, by method and length
// (MeasuredRates).
//   all     : the units of the whole run
//   left    : those of them that are still to be evaluated
//   known   : what the journal knows
//   returns : [n_instances]
std::vector<InstanceForecast> forecast(const std::vector<PlannedUnit>& all,
                                       const std::vector<PlannedUnit>& left, const UnitTable& known,
                                       std::size_t n_instances);

}  // namespace kvcompare
