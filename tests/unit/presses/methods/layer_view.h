// A LayerView of random tensors, for tests of scorers.
#pragma once

#include <ATen/ops/randn.h>

#include "presses/scorer.h"

namespace kvcompare {

struct ViewShape {
  std::int64_t n_tokens = 6;
  std::int64_t n_heads = 4;
  std::int64_t n_kv_heads = 2;
  std::int64_t d_head = 8;
  std::int64_t d_model = 16;
};

inline LayerView random_layer_view(const ViewShape& shape, std::int64_t first_position = 0) {
  const auto tensor = [&](std::int64_t n_heads) {
    return at::randn({n_heads, shape.n_tokens, shape.d_head}, at::kDouble);
  };
  LayerView view;
  view.hidden = at::randn({shape.n_tokens, shape.d_model}, at::kDouble);
  view.raw_q = tensor(shape.n_heads);
  view.raw_k = tensor(shape.n_kv_heads);
  view.v = tensor(shape.n_kv_heads);
  view.q = view.raw_q;
  view.k = view.raw_k;
  view.first_position = first_position;
  view.n_kv_heads = shape.n_kv_heads;
  view.n_tokens = shape.n_tokens;
  view.rule.scale = {static_cast<double>(shape.d_head)};
  return view;
}

}  // namespace kvcompare
