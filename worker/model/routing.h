// Which experts a token passes, and with which weights.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/model/decoder.h"

namespace kvcompare {

struct Routing {
  at::Tensor experts;  // [n_tokens, n_chosen], int64
  at::Tensor weights;  // [n_tokens, n_chosen], float32 at least
};

//   router_logits : [n_tokens, n_experts]
Routing route(const ExpertsShape& shape, const at::Tensor& router_logits);

}  // namespace kvcompare
