// The comparisons between instances, for both JSON reports.
#pragma once

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Returns a list of {density, method_name, label, avg_nll_delta, ci95}.
OrderedJson json_equal_density(const Statistics& statistics);

// Puts `equal_density`, as above, and `differences`, a list of
// {a, b, avg_nll_difference, ci95, p_value, p_value_holm, different} in which a and b are labels, with
// `differences_reason` if instances were not compared with each other.
void put_statistics(OrderedJson& report, const Comparison& comparison);

}  // namespace kvcompare
