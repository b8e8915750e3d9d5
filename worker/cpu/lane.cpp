#include "worker/cpu/lane.h"

#include <algorithm>

#include <ATen/ops/empty.h>

#include "worker/model/decoder.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kTilesOfRowsInExpert = 2;

}  // namespace

template <class T>
Lane<T>::Lane(const PackedWeights& weights, std::int64_t rows_in_tile)
    : n_rows(rows_in_tile),
      n_expert_rows(kTilesOfRowsInExpert * rows_in_tile),
      attends_in_bfloat16(weights.products() == ProductKind::kPaired),
      products(weights.products()),
      head_products(weights.products()) {
  const auto& decoder = weights.decoder();
  const auto n_experts = most_experts(decoder);
  const auto room_for = [&](std::int64_t n, std::int64_t width) {
    return at::empty({n * width}, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
  };
  const auto room = [&](std::int64_t width) { return room_for(n_rows, width); };
  const auto rows_in_mlp = n_experts > 0 ? n_expert_rows : n_rows;
  hidden = room(decoder.hidden_size);
  delta = room(decoder.hidden_size);
  qkv = room(heads_of(decoder).qkv_width());
  gate_up = room_for(rows_in_mlp, 2 * widest_mlp(decoder));
  gated = room_for(rows_in_mlp, widest_mlp(decoder));
  if (n_experts > 0) {
    router = room(n_experts);
    expert_rows = room_for(n_expert_rows, decoder.hidden_size);
  }
  logits = room(std::min(decoder.vocab_size, PackedWeights::kHeadBlock));
}

template struct Lane<float>;
template struct Lane<double>;

}  // namespace kvcompare
