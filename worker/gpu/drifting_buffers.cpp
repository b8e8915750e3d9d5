#include "worker/gpu/drifting_buffers.h"

namespace kvcompare {

BufferTable<DriftingBuffers> drifting_buffers(const DriftingShape& shape, const DriftingPlan& plan,
                                              std::int64_t n_tokens) {
  using Buffers = DriftingBuffers;
  const auto capacity = plan.capacity(), n_heads = shape.n_heads, n_kv_heads = shape.n_kv_heads;
  const auto n_rows = n_heads * kMostEventsInBlock;
  constexpr const char* kStatistics = "query statistics";
  constexpr const char* kKeys = "keys that may be evicted";
  return {{"products of key channels",
           &Buffers::key_features,
           {n_kv_heads, capacity, shape.n_features},
           at::kFloat},
          {kStatistics, &Buffers::query_features, {n_rows * shape.n_features}, at::kFloat},
          {kStatistics, &Buffers::mean, {n_heads, shape.d_head}, at::kDouble},
          {kStatistics, &Buffers::next_mean, {n_heads, shape.d_head}, at::kDouble},
          {kStatistics, &Buffers::scatter, {n_heads, shape.n_features - shape.d_head}, at::kDouble},
          {kStatistics, &Buffers::largest, {n_rows}, at::kFloat},
          {kStatistics, &Buffers::sums, {n_rows}, at::kDouble},
          {"scores", &Buffers::z, {n_rows * capacity}, at::kFloat},
          {kKeys, &Buffers::positions, {n_kv_heads, capacity}, at::kInt},
          {kKeys, &Buffers::log_vnorm, {n_kv_heads, capacity}, at::kFloat},
          {kKeys, &Buffers::scores, {n_kv_heads, capacity}, at::kFloat},
          {kKeys, &Buffers::evicted, {n_kv_heads, plan.n_evictions()}, at::kInt},
          {kKeys, &Buffers::log_vnorm_of_tokens, {n_kv_heads, n_tokens}, at::kFloat}};
}

}  // namespace kvcompare
