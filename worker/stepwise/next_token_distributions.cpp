#include "worker/stepwise/next_token_distributions.h"

#include <algorithm>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/log_softmax.h>

namespace kvcompare {
namespace {

template <class T>
std::vector<T> list_of(const at::Tensor& numbers) {
  const auto here = numbers.cpu().contiguous();
  const auto* first = here.const_data_ptr<T>();
  return {first, first + here.numel()};
}

// Of equal logits argmax gives the first.
std::vector<TokenId> top1_of(const at::Tensor& logits) { return list_of<TokenId>(logits.argmax(1)); }

constexpr std::int64_t kMostWideLogits = std::int64_t{1} << 22;  // of several tensors of float64 at once

void compare_rows(const at::Tensor& logits, const at::Tensor& of_reference, TokenDistributions& tokens) {
  const auto log_p = logits.to(at::kDouble).log_softmax(1);
  const auto log_p0 = of_reference.to(at::kDouble).log_softmax(1);
  const auto p0 = log_p0.exp();
  const auto kl = list_of<double>((p0 * (log_p0 - log_p)).sum(1));
  // The sum of min(p, p0), as 1 less what p0 has more than p: exactly 1 where both are the same.
  const auto acceptance = list_of<double>(1 - (p0 - log_p.exp()).clamp_min(0).sum(1));
  tokens.kl.insert(tokens.kl.end(), kl.begin(), kl.end());
  tokens.acceptance.insert(tokens.acceptance.end(), acceptance.begin(), acceptance.end());
}

void compare(const at::Tensor& logits, const at::Tensor& of_reference, const at::Tensor& targets,
             TokenDistributions& tokens) {
  const auto n_rows = std::max<std::int64_t>(1, kMostWideLogits / logits.size(1));
  for (std::int64_t row = 0; row < logits.size(0); row += n_rows) {
    const auto n = std::min(n_rows, logits.size(0) - row);
    compare_rows(logits.narrow(0, row, n), of_reference.narrow(0, row, n), tokens);
  }
  tokens.reference_nll = list_of<double>(cross_entropy(of_reference, targets));
  tokens.reference_top1 = top1_of(of_reference);
}

}  // namespace

TokenDistributions next_token_distributions(const Model& model, const at::Tensor& last_hidden,
                                            std::span<const TokenId> targets, const at::Tensor& reference,
                                            std::int64_t max_logits) {
  const auto n_targets = static_cast<std::int64_t>(targets.size());
  const auto n_rows = rows_at_once(model.decoder(), max_logits);
  const auto target =
      at::from_blob(const_cast<TokenId*>(targets.data()), {n_targets}, at::kLong).to(last_hidden.device());
  TokenDistributions tokens;
  for (std::int64_t row = 0; row < n_targets; row += n_rows) {
    const auto n = std::min(n_rows, n_targets - row);
    const auto logits = model.logits(last_hidden.narrow(0, row, n));
    const auto of_rows = target.narrow(0, row, n);
    TokenDistributions block{.nll = list_of<double>(cross_entropy(logits, of_rows)), .top1 = top1_of(logits)};
    if (reference.defined())
      compare(logits, model.logits(reference.narrow(0, row, n).to(last_hidden.device())), of_rows, block);
    append(tokens, block);
  }
  return tokens;
}

}  // namespace kvcompare
