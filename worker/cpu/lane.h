// What one thread of the tiled engine computes with. It is kept from tile to tile.
#pragma once

#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "worker/cpu/interval_attention.h"
#include "worker/cpu/products.h"
#include "worker/model/decoder.h"

namespace kvcompare {

enum class Phase { kProjections, kSchedules, kAttention, kMlp, kHead };
inline constexpr std::array<const char*, 5> kPhaseNames{"projections", "schedules", "attention", "MLP",
                                                        "head"};

// How the machine multiplies with the weights, and the tokens of a row tile.
struct ProductShape {
  ProductKind kind = ProductKind::kPlain;
  at::ScalarType weights = at::kFloat;
  std::int64_t n_rows = 64;
};

// T: float or double.
template <class T>
struct Lane {
  Lane(const Decoder& decoder, const ProductShape& shape);

  std::int64_t n_rows;  // of a row tile
  Products products, head_products;
  // Flat, for the rows of a tile; of gate_up and gated for those of the widest MLP.
  at::Tensor hidden, qkv, gate_up, gated, logits;
  AttentionScratch<T> attention;
  std::array<std::int64_t, kPhaseNames.size()> busy_ns{};
};

}  // namespace kvcompare
