#include "worker/model/logits.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tanh.h>

namespace kvcompare {

double embedding_multiplier_in(const Decoder& decoder, at::ScalarType type) {
  const double multiplier = decoder.embedding_multiplier;
  if (!decoder.rounds_embedding_multiplier) return multiplier;
  return at::scalar_tensor(multiplier, type).item<double>();
}

void finish_logits(const LogitShape& shape, const at::Tensor& logits) {
  if (shape.multiplier != 1) logits.mul_(shape.multiplier);
  if (shape.cap) logits.div_(*shape.cap).tanh_().mul_(*shape.cap);
}

}  // namespace kvcompare
