// The part of an instance that the JSON summary and the detailed results share.
#pragma once

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"
#include "coordinator/reports/instance_numbers.h"

namespace kvcompare {

// Puts method_name, label and parameters, and how the threshold was found if it was not given.
void put_identity(OrderedJson& object, const MethodResult& method);

// Puts threshold_search: what was asked for, the threshold that was found, and what it reads. Nothing if the
// threshold was given.
void put_threshold_search(OrderedJson& object, const MethodResult& method);

// Puts the differences from the baseline with their intervals and p-values.
void put_deltas(OrderedJson& object, const InstanceNumbers& numbers);

// Puts what compares the instance's distributions with the baseline's.
void put_divergence(OrderedJson& object, const InstanceNumbers& numbers);

// Puts how often greedy generation would have written the scored tokens and ranges, and, if the run counted
// it, what became of their evidence.
void put_answers(OrderedJson& object, const InstanceNumbers& numbers);

// Puts attended_density, kept_fraction and the bytes of the cache.
void put_cache(OrderedJson& object, const InstanceNumbers& numbers);

}  // namespace kvcompare
