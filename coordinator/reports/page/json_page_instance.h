// What the page has of a method with its parameters.
#pragma once

#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"
#include "coordinator/reports/worst_tokens.h"

namespace kvcompare {

// Identity, plain words, every number of InstanceNumbers, failures, and the arrays of the charts:
//   nll           : [samples], nats; null where the instance has no result
//   position      : {total_nll, n_scored}, by bin of Comparison's bin width
//   kept_per_head : [n_evicting_layers * n_kv_heads]; empty where it is not known
//   worst_tokens  : [sample, position, NLL, NLL of the baseline, KL or null, text before, token, text after]
// samples      : all that the page lists.
// worst_tokens : of the instance; may be empty
OrderedJson json_page_instance(const Comparison& comparison, std::size_t method,
                               const std::vector<SampleIndex>& samples,
                               const std::vector<ShownToken>& worst_tokens);

}  // namespace kvcompare
