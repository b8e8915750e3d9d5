#include "worker/model/unseen_keys.h"

#include <ATen/TensorOperators.h>

namespace kvcompare {

at::Tensor unseen_keys(const at::Tensor& queries, const at::Tensor& keys,
                       const std::optional<std::int64_t>& window) {
  const auto query = queries.unsqueeze(1), key = keys.unsqueeze(0);
  const auto later = key.gt(query);
  return window ? later | key.le(query - *window) : later;
}

}  // namespace kvcompare
