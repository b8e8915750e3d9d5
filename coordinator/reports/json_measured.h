// Numbers that may be missing, in JSON.
#pragma once

#include <cstdint>
#include <string>

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"
#include "coordinator/reports/measured.h"
#include "coordinator/reports/token_percentiles.h"

namespace kvcompare {

// Sets object[key] to the number. A missing number becomes null, and object[key + "_reason"] says why it is
// missing. An interval is [low, high]; percentiles are an object with their names as keys.
void put_measured(OrderedJson& object, const std::string& key, const Measured<double>& number);
void put_measured(OrderedJson& object, const std::string& key, const Measured<std::int64_t>& number);
void put_measured(OrderedJson& object, const std::string& key, const Measured<Interval>& interval);
void put_measured(OrderedJson& object, const std::string& key, const Measured<KlPercentiles>& percentiles);
void put_measured(OrderedJson& object, const std::string& key,
                  const Measured<DeltaPPercentiles>& percentiles);

}  // namespace kvcompare
