#include "worker/gpu/observing_buffers.h"

namespace kvcompare {

BufferTable<ObservingBuffers> observing_buffers(const HeadShape& heads, const ObservingSizes& sizes) {
  using Buffers = ObservingBuffers;
  const auto n_rows = heads.n_heads * sizes.n_block_rows, n_kv_heads = heads.n_kv_heads;
  constexpr const char* kLogits = "attention logits and weights";
  constexpr const char* kReceived = "attention received";
  constexpr const char* kGathered = "gathered keys and queries";
  return {{kLogits, &Buffers::logits, {n_rows * sizes.capacity}, at::kFloat},
          {kLogits, &Buffers::weights, {n_rows * sizes.capacity}, at::kFloat},
          {kLogits, &Buffers::sums, {n_rows}, at::kDouble},
          {kReceived, &Buffers::received, {n_kv_heads, sizes.capacity}, at::kDouble},
          {kReceived, &Buffers::positions, {n_kv_heads, sizes.capacity}, at::kInt},
          {kGathered, &Buffers::columns, {n_kv_heads * sizes.capacity * heads.head_dim}, sizes.type},
          {kGathered, &Buffers::rows, {n_rows * heads.head_dim}, sizes.type}};
}

}  // namespace kvcompare
