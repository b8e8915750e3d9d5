#include "tests/support/attention_by_libtorch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

namespace kvcompare {
namespace {

constexpr std::int64_t kQueryBlock = 256;

}  // namespace

at::Tensor interval_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const at::Tensor& until) {
  const auto n_kv_heads = k.size(0), n_tokens = k.size(1), d = k.size(2);
  const auto grouped = q.reshape({n_kv_heads, -1, n_tokens, d});
  const auto positions = at::arange(n_tokens, until.options());
  std::vector<at::Tensor> outputs;
  for (std::int64_t begin = 0; begin < n_tokens; begin += kQueryBlock) {
    const auto n = std::min(kQueryBlock, n_tokens - begin), n_keys = begin + n;
    const auto keys = k.narrow(1, 0, n_keys).unsqueeze(1), values = v.narrow(1, 0, n_keys).unsqueeze(1);
    auto logits =
        grouped.narrow(2, begin, n).matmul(keys.transpose(2, 3)) / std::sqrt(static_cast<double>(d));
    logits = logits.to(at::toOpMathType(logits.scalar_type()));
    const auto i = positions.narrow(0, begin, n).unsqueeze(1);
    const auto hidden = positions.narrow(0, 0, n_keys).unsqueeze(0).gt(i) |
                        until.narrow(1, 0, n_keys).unsqueeze(1).le(i);  // [n_kv_heads, n, n_keys]
    logits = logits.masked_fill(hidden.unsqueeze(1), -std::numeric_limits<double>::infinity());
    outputs.push_back(logits.softmax(-1).to(q.scalar_type()).matmul(values));
  }
  return at::cat(outputs, 2).reshape({-1, n_tokens, d});
}

}  // namespace kvcompare
