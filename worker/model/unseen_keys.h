// Which keys a query does not see, whatever was evicted: later ones, and those that a window has left behind.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

namespace kvcompare {

//   queries : [n_queries], int64, positions
//   keys    : [n_keys], int64, positions
//   window  : as in AttentionRule
//   returns : [n_queries, n_keys], bool
at::Tensor unseen_keys(const at::Tensor& queries, const at::Tensor& keys,
                       const std::optional<std::int64_t>& window);

}  // namespace kvcompare
