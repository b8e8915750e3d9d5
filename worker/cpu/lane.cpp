#include "worker/cpu/lane.h"

#include <algorithm>

#include <ATen/ops/empty.h>

#include "worker/cpu/packed_weights.h"

namespace kvcompare {
namespace {

std::int64_t entries_of_head_block(const Decoder& decoder) {
  return std::min(decoder.vocab_size, PackedWeights::kHeadBlock);
}

std::int64_t widest_input(const Decoder& decoder) {
  return std::max({decoder.hidden_size, heads_of(decoder).q_width(), widest_mlp(decoder)});
}

std::int64_t widest_output(const Decoder& decoder) {
  return std::max({decoder.hidden_size, heads_of(decoder).qkv_width(), 2 * widest_mlp(decoder),
                   entries_of_head_block(decoder)});
}

}  // namespace

template <class T>
Lane<T>::Lane(const Decoder& decoder, const ProductShape& shape)
    : n_rows(shape.n_rows),
      products(shape.kind, shape.weights, shape.n_rows, widest_input(decoder), widest_output(decoder)),
      head_products(product_kind_of_head(shape.kind, shape.weights), shape.weights, shape.n_rows,
                    decoder.hidden_size, entries_of_head_block(decoder)) {
  const auto room = [&](std::int64_t width) {
    return at::empty({n_rows * width}, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
  };
  hidden = room(decoder.hidden_size);
  qkv = room(heads_of(decoder).qkv_width());
  gate_up = room(2 * widest_mlp(decoder));
  gated = room(widest_mlp(decoder));
  logits = room(entries_of_head_block(decoder));
}

template struct Lane<float>;
template struct Lane<double>;

}  // namespace kvcompare
