// The next-token distributions of some tokens by libtorch's operators, as their definitions say.
#pragma once

#include <span>

#include <ATen/core/Tensor.h>

#include "common/ids.h"
#include "worker/engine/token_distributions.h"
#include "worker/model/cross_entropy.h"
#include "worker/model/model.h"

namespace kvcompare {

// Of the tokens `targets`, each after the token whose state is in the same row. Distributions are compared in
// float64, whatever the model's dtype.
//   last_hidden : [>= targets.size(), d_model], see Model::last_hidden; further rows are not looked at
//   reference   : [targets.size(), d_model] on the CPU, states of the baseline; undefined: nothing is
//   compared
TokenDistributions next_token_distributions(const Model& model, const at::Tensor& last_hidden,
                                            std::span<const TokenId> targets, const at::Tensor& reference,
                                            std::int64_t max_logits = kMaxLogits);

}  // namespace kvcompare
