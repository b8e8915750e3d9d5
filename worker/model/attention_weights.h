// What queries give to keys, by libtorch's operators.
#pragma once

#include <ATen/core/Tensor.h>

#include "presses/attention_rule.h"

namespace kvcompare {

// Softmax by the rule, in float32 at least. Where heads have sinks, a row sums to less than 1.
//   products : [..., n_heads, n_queries, n_keys], q k, of the heads that the rule is of
//   unseen   : [n_queries, n_keys], bool (unseen_keys.h)
//   returns  : as products
at::Tensor attention_weights(const at::Tensor& products, const at::Tensor& unseen, const AttentionRule& rule);

}  // namespace kvcompare
