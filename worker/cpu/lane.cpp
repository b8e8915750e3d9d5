#include "worker/cpu/lane.h"

#include <algorithm>

#include <ATen/ops/empty.h>

#include "worker/model/decoder.h"

namespace kvcompare {

template <class T>
Lane<T>::Lane(const PackedWeights& weights, std::int64_t rows_in_tile)
    : n_rows(rows_in_tile),
      attends_in_bfloat16(weights.products() == ProductKind::kPaired),
      products(weights.products()),
      head_products(weights.products()) {
  const auto& decoder = weights.decoder();
  const auto room = [&](std::int64_t width) {
    return at::empty({n_rows * width}, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
  };
  hidden = room(decoder.hidden_size);
  delta = room(decoder.hidden_size);
  qkv = room(heads_of(decoder).qkv_width());
  gate_up = room(2 * widest_mlp(decoder));
  gated = room(widest_mlp(decoder));
  if (const auto n_experts = most_experts(decoder); n_experts > 0) {
    router = room(n_experts);
    expert_rows = room(decoder.hidden_size);
  }
  logits = room(std::min(decoder.vocab_size, PackedWeights::kHeadBlock));
}

template struct Lane<float>;
template struct Lane<double>;

}  // namespace kvcompare
