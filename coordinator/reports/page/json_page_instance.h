// What the page has of a method with its parameters.
#pragma once

#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Identity, plain words, every number of InstanceNumbers, failures, and the arrays of the charts:
//   nll           : [samples], nats; null where the instance has no result
//   position      : {total_nll, n_scored}, by bin of Comparison's bin width
//   kept_per_head : [n_layers * n_kv_heads]; empty where it is not known
// samples: all that the page lists.
OrderedJson json_page_instance(const Comparison& comparison, std::size_t method,
                               const std::vector<SampleIndex>& samples);

}  // namespace kvcompare
