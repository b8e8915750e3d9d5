#pragma once

#include <cstdint>
#include <string>

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"
#include "coordinator/reports/measured.h"

namespace kvcompare {

// object[key] is the number, or null with the reason in object[key + "_reason"]. An interval is [low, high].
void put_measured(OrderedJson& object, const std::string& key, const Measured<double>& number);
void put_measured(OrderedJson& object, const std::string& key, const Measured<std::int64_t>& number);
void put_measured(OrderedJson& object, const std::string& key, const Measured<Interval>& interval);

}  // namespace kvcompare
