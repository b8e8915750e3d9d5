#include "worker/model/routing.h"

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/sum.h>

namespace kvcompare {

Routing route(const ExpertsShape& shape, const at::Tensor& router_logits) {
  const auto logits = router_logits.to(at::toOpMathType(router_logits.scalar_type()));
  const auto weights = at::softmax(logits, -1);
  const auto& worth = shape.chooses_by_logits ? logits : weights;
  // Stable, so that of equal ones the first comes first; topk would take any.
  const auto order = std::get<1>(worth.sort(/*stable=*/true, -1, /*descending=*/true));
  const auto experts = order.narrow(1, 0, shape.n_chosen);
  auto chosen = weights.gather(1, experts);
  if (shape.sums_to_one) chosen = chosen / chosen.sum(-1, /*keepdim=*/true);
  return {experts.contiguous(), chosen};
}

}  // namespace kvcompare
