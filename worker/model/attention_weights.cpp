#include "worker/model/attention_weights.h"

#include <limits>

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>

namespace kvcompare {

at::Tensor attention_weights(const at::Tensor& products, const at::Tensor& unseen,
                             const AttentionRule& rule) {
  auto logits = products * rule.scale.factor();
  logits = logits.to(at::toOpMathType(logits.scalar_type()));
  if (rule.cap) logits = at::tanh(logits / *rule.cap) * *rule.cap;
  logits = logits.masked_fill(unseen, -std::numeric_limits<double>::infinity());
  if (!rule.sinks.defined()) return logits.softmax(-1);
  auto sizes = logits.sizes().vec();
  sizes.back() = 1;
  const auto sinks = rule.sinks.to(logits.scalar_type()).unsqueeze(-1).unsqueeze(-1).expand(sizes);
  return at::cat({logits, sinks}, -1).softmax(-1).narrow(-1, 0, logits.size(-1));
}

}  // namespace kvcompare
