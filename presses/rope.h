// Rotary position embedding in the half-split layout of Llama: channel c is paired with channel c + d_head
// / 2. Models whose channels are paired otherwise have them reordered when their weights are read.
// Source: RoFormer, arXiv 2104.09864. Angles are float64 whatever the precision of the rotated tensor.
#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "presses/query_scale.h"

namespace kvcompare {

// cos and sin of one angle per pair of channels: [n_positions, d_head / 2], float64.
struct Rotation {
  at::Tensor cos;
  at::Tensor sin;
};

class Rope {
 public:
  //   inverse_frequencies : [d_head / 2], float64, on the device of the tensors to rotate; 0: a pair stays
  //   sizes               : likewise, what each pair is multiplied with while it turns; undefined: 1
  //   query_scale         : of queries alone; see for_queries()
  explicit Rope(at::Tensor inverse_frequencies, at::Tensor sizes = {}, QueryScale query_scale = {});

  Rope to(const c10::Device& device) const;

  // Rotations of positions first_position ... first_position + n_positions - 1.
  Rotation at(std::int64_t first_position, std::int64_t n_positions) const;

  // What turns queries where `rotation`, which at() gave for positions from first_position on, turns keys:
  // the same times the query's scale. The same tensors if that is 1 at all these positions.
  Rotation for_queries(const Rotation& rotation, std::int64_t first_position) const;

  // The mean of the rotation matrices of those positions, in closed form (a geometric series for each pair);
  // one row. They are those of keys: the scale of queries is left out.
  Rotation mean(std::int64_t first_position, std::int64_t n_positions) const;
  // The same for several first positions, one row for each.
  Rotation means(std::span<const std::int64_t> first_positions, std::int64_t n_positions) const;

 private:
  Rotation sized(const at::Tensor& cos, const at::Tensor& sin) const;

  at::Tensor inverse_frequencies_, sizes_;
  QueryScale query_scale_;
};

// Returns x rotated, in the type of x; computed in float32 or wider.
//   x : [..., n_positions, d_head]
at::Tensor rotate(const at::Tensor& x, const Rotation& rotation);

}  // namespace kvcompare
