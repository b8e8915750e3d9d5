#include "worker/model/cross_entropy.h"

#include <algorithm>

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/logsumexp.h>

namespace kvcompare {

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& targets) {
  const auto wide = logits.to(at::toOpMathType(logits.scalar_type()));
  const auto of_target = wide.gather(1, targets.unsqueeze(1)).squeeze(1);
  return (wide.logsumexp(at::IntArrayRef{1}).to(at::kDouble) - of_target.to(at::kDouble)).cpu();
}

std::int64_t rows_at_once(const Decoder& decoder, std::int64_t max_logits) {
  return std::max<std::int64_t>(1, max_logits / decoder.vocab_size);
}

std::vector<double> cross_entropy(const Model& model, const at::Tensor& x, std::span<const TokenId> targets,
                                  std::int64_t max_logits) {
  const auto n_targets = static_cast<std::int64_t>(targets.size());
  const auto n_rows = rows_at_once(model.decoder(), max_logits);
  const auto target =
      at::from_blob(const_cast<TokenId*>(targets.data()), {n_targets}, at::kLong).to(x.device());
  std::vector<double> nll;
  nll.reserve(targets.size());
  for (std::int64_t row = 0; row < n_targets; row += n_rows) {
    const auto n = std::min(n_rows, n_targets - row);
    const auto block =
        cross_entropy(model.logits(model.last_hidden(x.narrow(0, row, n))), target.narrow(0, row, n));
    nll.insert(nll.end(), block.const_data_ptr<double>(), block.const_data_ptr<double>() + n);
  }
  return nll;
}

}  // namespace kvcompare
