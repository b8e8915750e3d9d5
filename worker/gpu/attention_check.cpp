#include "worker/gpu/attention_check.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/max.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/softmax.h>
#include <c10/core/DeviceGuard.h>

#include "common/errors.h"
#include "common/log.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kTokens = 400;  // several tiles of queries, and steps of keys

// Numbers in [-1, 1] that hardly repeat, the same on every machine but for rounding.
at::Tensor scattered(at::IntArrayRef sizes, double factor, const at::TensorOptions& options) {
  std::int64_t n = 1;
  for (const auto size : sizes) n *= size;
  const auto x = at::arange(n, at::TensorOptions(at::kDouble)).remainder(8191);
  return (x * x * factor).sin().view(sizes).to(options);
}

// In float32: [n_tokens, n_heads, d_head].
at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const at::Tensor& until, const AttentionLogits& rule) {
  const auto group = q.size(1) / k.size(1);
  const auto heads = [&](const at::Tensor& x, std::int64_t n) {
    return x.to(at::kFloat).transpose(0, 1).repeat_interleave(n, 0);
  };
  const auto query = at::arange(kTokens, until.options()).unsqueeze(1);
  const auto key = at::arange(kTokens, until.options()).unsqueeze(0);
  const auto hidden = key.gt(query) | query.ge(until.repeat_interleave(group, 0).unsqueeze(1));
  auto logits = heads(q, 1).matmul(heads(k, group).transpose(1, 2)) * rule.scale.factor();
  if (rule.cap) logits = *rule.cap * (logits / *rule.cap).tanh();
  logits = logits.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  if (rule.sinks.defined())
    logits = at::cat({logits, rule.sinks.to(at::kFloat).view({-1, 1, 1}).expand({-1, kTokens, 1})}, -1);
  const auto weights = logits.softmax(-1).narrow(-1, 0, kTokens);
  return weights.matmul(heads(v, group)).transpose(0, 1);
}

// Results are averages of numbers up to 1, and rounded; in 16 bits so are the weights. Three to ten times
// what was found in emulation.
double most_error(at::ScalarType type) {
  if (type == at::kFloat) return 1e-5;
  return type == at::kHalf ? 2e-3 : 1e-2;
}

}  // namespace

double attention_error(const LayerShape& layer, const at::TensorOptions& options,
                       MatrixInstruction instruction, const Attend& attend) {
  const auto& heads = layer.heads;
  const c10::DeviceGuard on_device(options.device());  // kernels are launched on the current one
  const auto rotated =
      scattered({kTokens, heads.n_heads + heads.n_kv_heads, heads.head_dim}, 0.0137, options);
  const auto qkv = scattered({kTokens, heads.qkv_width()}, 0.0291, options);
  // Of key j in head h: j + 1 and up to kTokens more.
  const auto whole = options.dtype(at::kInt);
  const auto position = at::arange(kTokens, whole).unsqueeze(0);
  const auto head = at::arange(heads.n_kv_heads, whole).unsqueeze(1);
  const auto until = (position + 1 + (position * 37 + head * 11).remainder(kTokens)).clamp_max(kTokens);
  const auto out = at::full({kTokens, heads.q_width()}, std::nan(""), options);
  AttentionLogits rule{layer.scale, layer.cap};
  if (layer.has_sinks) rule.sinks = scattered({heads.n_heads}, 0.0411, options);
  attend(rotated, qkv, until.to(at::kInt).contiguous(), rule, out, instruction);
  const auto v = qkv.narrow(1, heads.q_width() + heads.kv_width(), heads.kv_width());
  const auto expected =
      plain_attention(rotated.narrow(1, 0, heads.n_heads), rotated.narrow(1, heads.n_heads, heads.n_kv_heads),
                      v.unflatten(1, {heads.n_kv_heads, heads.head_dim}), until, rule);
  return (out.view_as(expected).to(at::kFloat) - expected).abs().max().item<double>();
}

MatrixInstruction right_instruction(const LayerShape& layer, const at::TensorOptions& options,
                                    const Attend& attend) {
  const double most = most_error(options.dtype().toScalarType());
  std::string errors;
  for (const auto instruction : {MatrixInstruction::kBest, MatrixInstruction::kMmaSync}) {
    const auto error = attention_error(layer, options, instruction, attend);
    if (error <= most) {
      if (!errors.empty())
        log_warning("attention by the fastest instruction of this GPU is wrong by " + errors +
                    " and is not used: please report this, with the output of kvcompare doctor");
      return instruction;
    }
    errors += (errors.empty() ? "" : " and ") + std::to_string(error);
  }
  throw InvariantError("attention on this GPU is wrong by " + errors + "; at most " + std::to_string(most) +
                       " is right: please report this, with the output of kvcompare doctor");
}

std::string name_of_instruction(const HeadShape& heads, const at::TensorOptions& options,
                                MatrixInstruction instruction) {
  const c10::DeviceGuard on_device(options.device());  // whose compute capability is asked for
  const bool in_16_bits = options.dtype() == at::kHalf || options.dtype() == at::kBFloat16;
  if (!in_16_bits || !has_matrix_kernel(heads.head_dim)) return "fma";
  return uses_wgmma(instruction) ? "wgmma" : "mma.sync";
}

}  // namespace kvcompare
