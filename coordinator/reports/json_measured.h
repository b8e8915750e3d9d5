// Numbers that may be missing, in JSON.
#pragma once

#include <cstdint>
#include <string>

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"
#include "coordinator/reports/measured.h"

namespace kvcompare {

// Sets object[key] to the number. A missing number becomes null, and object[key + "_reason"] says why it is
// missing. An interval is [low, high].
void put_measured(OrderedJson& object, const std::string& key, const Measured<double>& number);
void put_measured(OrderedJson& object, const std::string& key, const Measured<std::int64_t>& number);
void put_measured(OrderedJson& object, const std::string& key, const Measured<Interval>& interval);

}  // namespace kvcompare
