// Negative log-likelihood of given next tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/ids.h"
#include "worker/model/model.h"

namespace kvcompare {

inline constexpr std::int64_t kMaxLogits = std::int64_t{1} << 26;  // 256 MiB in float32

// NLL of the target of each row, in nats: [n] float64 on the CPU. Log-sum-exp in float32 at least.
//   logits  : [n, vocab]
//   targets : [n] int64, on the device of the logits
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& targets);

// How many rows of at most max_logits logits in all are computed at once, at least one.
std::int64_t rows_at_once(const Decoder& decoder, std::int64_t max_logits);

// NLL of targets[i] after the token whose residual stream behind the last layer is x[i], in nats.
//   x       : [n_tokens, d_model], n_tokens >= targets.size(); further rows are not looked at
//   returns : [targets.size()]
// Logits are in the model's dtype, log-sum-exp in float32 at least. Rows are taken in blocks of at most
// max_logits logits (or one row), so the logits of a long chunk never exist all at once.
std::vector<double> cross_entropy(const Model& model, const at::Tensor& x, std::span<const TokenId> targets,
                                  std::int64_t max_logits = kMaxLogits);

}  // namespace kvcompare
