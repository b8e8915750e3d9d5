// What one thread of the tiled engine computes with. It is kept from tile to tile.
#pragma once

#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "worker/cpu/interval_attention.h"
#include "worker/cpu/interval_attention_bfloat16.h"
#include "worker/cpu/packed_weights.h"
#include "worker/cpu/products.h"

namespace kvcompare {

enum class Phase { kProjections, kSchedules, kAttention, kMlp, kHead };
inline constexpr std::array<const char*, 5> kPhaseNames{"projections", "schedules", "attention", "MLP",
                                                        "head"};

// T: float or double.
template <class T>
struct Lane {
  //   n_rows : tokens of a row tile
  Lane(const PackedWeights& weights, std::int64_t n_rows);

  std::int64_t n_rows;
  std::int64_t n_expert_rows;  // that are passed through an expert at once
  bool attends_in_bfloat16;
  Products products, head_products;
  // Flat, for the rows of a tile; gate_up and gated for those of the widest MLP, or of an expert.
  at::Tensor hidden, delta, qkv, gate_up, gated, logits;
  at::Tensor router, expert_rows;  // where layers have experts; expert_rows for those of an expert
  // Logits of a unit and of its reference, flat; as large as the comparison of distributions has asked for.
  at::Tensor kept_logits, reference_logits;
  AttentionScratch<T> attention;
  Bfloat16AttentionScratch bfloat16_attention;
  std::array<std::int64_t, kPhaseNames.size()> busy_ns{};
};

}  // namespace kvcompare
