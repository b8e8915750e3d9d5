// What the summary and the detailed results say of an instance alike.
#pragma once

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"
#include "coordinator/reports/instance_numbers.h"

namespace kvcompare {

// method_name, label, parameters
void put_identity(OrderedJson& object, const MethodResult& method);

// The differences from the baseline, and how far they would move with other samples.
void put_deltas(OrderedJson& object, const InstanceNumbers& numbers);

// attended_density, kept_fraction, bytes of the cache
void put_cache(OrderedJson& object, const InstanceNumbers& numbers);

}  // namespace kvcompare
