#include "presses/rope.h"

#include <utility>

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/sin.h>

namespace kvcompare {

Rope::Rope(at::Tensor inverse_frequencies, at::Tensor sizes, QueryScale query_scale)
    : inverse_frequencies_(std::move(inverse_frequencies)),
      sizes_(std::move(sizes)),
      query_scale_(query_scale) {}

Rope Rope::to(const c10::Device& device) const {
  return Rope(inverse_frequencies_.to(device), sizes_.defined() ? sizes_.to(device) : sizes_, query_scale_);
}

Rotation Rope::sized(const at::Tensor& cos, const at::Tensor& sin) const {
  return sizes_.defined() ? Rotation{cos * sizes_, sin * sizes_} : Rotation{cos, sin};
}

Rotation Rope::at(std::int64_t first_position, std::int64_t n_positions) const {
  const auto positions =
      at::arange(first_position, first_position + n_positions, inverse_frequencies_.options());
  const auto angles = positions.unsqueeze(1) * inverse_frequencies_;
  return sized(angles.cos(), angles.sin());
}

Rotation Rope::for_queries(const Rotation& rotation, std::int64_t first_position) const {
  const auto n = rotation.cos.size(0);
  if (query_scale_.is_one_before(first_position + n)) return rotation;
  auto scales = at::empty({n, 1}, at::kDouble);
  auto scale = scales.accessor<double, 2>();
  for (std::int64_t i = 0; i < n; ++i) scale[i][0] = query_scale_.at(first_position + i);
  scales = scales.to(rotation.cos.device());
  return {rotation.cos * scales, rotation.sin * scales};
}

Rotation Rope::mean(std::int64_t first_position, std::int64_t n_positions) const {
  return means({&first_position, 1}, n_positions);
}

Rotation Rope::means(std::span<const std::int64_t> first_positions, std::int64_t n_positions) const {
  // sum over p = n ... n+F-1 of exp(i w p) = exp(i w (n + (F-1)/2)) sin(F w / 2) / sin(w / 2), with 0 < w
  // <= 1; F where w = 0.
  const auto n = static_cast<double>(n_positions);
  const auto half = inverse_frequencies_ / 2;
  const auto scale = ((half * n).sin() / half.sin() / n).masked_fill(half.eq(0), 1);
  const auto first = at::from_blob(const_cast<std::int64_t*>(first_positions.data()),
                                   {std::ssize(first_positions), 1}, at::kLong)
                         .to(inverse_frequencies_.options());
  const auto middle = inverse_frequencies_ * (first + (n - 1) / 2);
  return sized(middle.cos() * scale, middle.sin() * scale);
}

at::Tensor rotate(const at::Tensor& x, const Rotation& rotation) {
  const auto type = at::toOpMathType(x.scalar_type());
  const auto wide = x.to(type);
  const auto half = x.size(-1) / 2;
  const auto a = wide.narrow(-1, 0, half);
  const auto b = wide.narrow(-1, half, half);
  const auto cos = rotation.cos.to(type);
  const auto sin = rotation.sin.to(type);
  return at::cat({a * cos - b * sin, b * cos + a * sin}, -1).to(x.scalar_type());
}

}  // namespace kvcompare
