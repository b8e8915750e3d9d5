#include "coordinator/reports/json_measured.h"

namespace kvcompare {
namespace {

OrderedJson json_of(double number) { return number; }
OrderedJson json_of(std::int64_t number) { return number; }
OrderedJson json_of(const Interval& interval) { return OrderedJson::array({interval.low, interval.high}); }
template <HasTokenPercentiles Percentiles>
OrderedJson json_of(const Percentiles& percentiles) {
  OrderedJson json;
  for (std::size_t i = 0; i < percentiles.values.size(); ++i)
    json[Percentiles::kPercentiles[i].name] = percentiles.values[i];
  return json;
}

template <class Value>
void put(OrderedJson& object, const std::string& key, const Measured<Value>& measured) {
  object[key] = measured.value ? json_of(*measured.value) : OrderedJson(nullptr);
  if (!measured.value) object[key + "_reason"] = measured.reason;
}

}  // namespace

void put_measured(OrderedJson& object, const std::string& key, const Measured<double>& number) {
  put(object, key, number);
}

void put_measured(OrderedJson& object, const std::string& key, const Measured<std::int64_t>& number) {
  put(object, key, number);
}

void put_measured(OrderedJson& object, const std::string& key, const Measured<Interval>& interval) {
  put(object, key, interval);
}

void put_measured(OrderedJson& object, const std::string& key, const Measured<KlPercentiles>& percentiles) {
  put(object, key, percentiles);
}

void put_measured(OrderedJson& object, const std::string& key,
                  const Measured<DeltaPPercentiles>& percentiles) {
  put(object, key, percentiles);
}

}  // namespace kvcompare
