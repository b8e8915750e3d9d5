#include "coordinator/plan/forecast.h"

#include "coordinator/plan/measured_rates.h"

namespace kvcompare {

std::vector<InstanceForecast> forecast(const std::vector<PlannedUnit>& all,
                                       const std::vector<PlannedUnit>& left, const UnitTable& known,
                                       std::size_t n_instances) {
  MeasuredRates rates;
  for (const auto& unit : all) {
    const auto group = rates.group_of(unit.unit.method, unit.n_tokens);
    const auto found = known.find(unit.unit);
    if (found != known.end() && found->second.summary) rates.add(group, 1, unit.cost, found->second.seconds);
  }
  rates.update();
  std::vector<InstanceForecast> forecasts(n_instances);
  for (const auto& unit : left) {
    auto& of_instance = forecasts[static_cast<std::size_t>(unit.unit.method.value)];
    ++of_instance.n_units;
    of_instance.cost += unit.cost;
    if (rates.is_known())
      of_instance.seconds = of_instance.seconds.value_or(0) +
                            unit.cost * rates.of(rates.group_of(unit.unit.method, unit.n_tokens));
  }
  return forecasts;
}

}  // namespace kvcompare
