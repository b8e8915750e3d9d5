#include "worker/cpu/row_kernels.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/cpu/row_kernels.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>

#include "presses/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {

template <class T>
void rms_norm(const T* x, const T* weight, double eps, std::size_t n, T* out) {
  const hn::ScalableTag<T> d;
  auto squares = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = load(lanes, d, x + i);
    squares = hn::MulAdd(y, y, squares);
  });
  const T mean = hn::GetLane(hn::SumOfLanes(d, squares)) / static_cast<T>(n);
  const auto scale = hn::Set(d, 1 / std::sqrt(mean + static_cast<T>(eps)));
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = hn::Mul(load(lanes, d, x + i), scale);
    store(hn::Mul(y, load(lanes, d, weight + i)), lanes, d, out + i);
  });
}

template <class T>
void rotate(const T* x, const T* cos, const T* sin, std::size_t n_pairs, T* out) {
  const hn::ScalableTag<T> d;
  for_each_vector(d, n_pairs, [&](std::size_t i, auto lanes) {
    const auto a = load(lanes, d, x + i), b = load(lanes, d, x + n_pairs + i);
    const auto c = load(lanes, d, cos + i), s = load(lanes, d, sin + i);
    store(hn::NegMulAdd(b, s, hn::Mul(a, c)), lanes, d, out + i);
    store(hn::MulAdd(a, s, hn::Mul(b, c)), lanes, d, out + n_pairs + i);
  });
}

template <class T>
void silu_mul(const T* gate, const T* up, std::size_t n, T* out) {
  const hn::ScalableTag<T> d;
  const auto one = hn::Set(d, T{1});
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto x = load(lanes, d, gate + i);
    // Below this silu is 0 beside any number, and Highway's Exp would overflow to anything.
    const auto least = hn::Set(d, static_cast<T>(sizeof(T) == 4 ? -80 : -700));
    const auto silu = hn::Div(x, hn::Add(one, hn::Exp(d, hn::Neg(hn::Max(x, least)))));
    store(hn::Mul(hn::IfThenZeroElse(hn::Lt(x, least), silu), load(lanes, d, up + i)), lanes, d, out + i);
  });
}

// 0, or NaN if a number is not finite.
template <class T>
T zero_if_finite(const T* x, std::size_t n) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = load(lanes, d, x + i);
    sum = hn::Add(sum, hn::Sub(y, y));
  });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

template <class T>
void accumulate(const T* x, std::size_t n, LogSumExp& total) {
  const hn::ScalableTag<T> d;
  auto highest = hn::Set(d, std::numeric_limits<T>::lowest());
  const auto lowest = highest;
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    highest = hn::Max(highest, inside_or(d, load(lanes, d, x + i), lanes, lowest));
  });
  const double max = std::fmax(total.max, static_cast<double>(hn::GetLane(hn::MaxOfLanes(d, highest))));
  const auto shift = hn::Set(d, static_cast<T>(max));
  auto sum = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = exp_of_difference(d, hn::Sub(load(lanes, d, x + i), shift));
    sum = hn::Add(sum, inside_or(d, y, lanes, hn::Zero(d)));
  });
  total.sum = total.sum * std::exp(total.max - max) +
              static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum))) +
              static_cast<double>(zero_if_finite(x, n));
  total.max = max;
}

// Highway exports plain functions.
void rms_norm_float(const float* x, const float* weight, double eps, std::size_t n, float* out) {
  rms_norm(x, weight, eps, n, out);
}
void rms_norm_double(const double* x, const double* weight, double eps, std::size_t n, double* out) {
  rms_norm(x, weight, eps, n, out);
}
void rotate_float(const float* x, const float* cos, const float* sin, std::size_t n_pairs, float* out) {
  rotate(x, cos, sin, n_pairs, out);
}
void rotate_double(const double* x, const double* cos, const double* sin, std::size_t n_pairs, double* out) {
  rotate(x, cos, sin, n_pairs, out);
}
void silu_mul_float(const float* gate, const float* up, std::size_t n, float* out) {
  silu_mul(gate, up, n, out);
}
void silu_mul_double(const double* gate, const double* up, std::size_t n, double* out) {
  silu_mul(gate, up, n, out);
}
bool all_finite_float(const float* x, std::size_t n) { return zero_if_finite(x, n) == 0; }
bool all_finite_double(const double* x, std::size_t n) { return zero_if_finite(x, n) == 0; }
void add_block_float(const float* x, std::size_t n, LogSumExp& total) { accumulate(x, n, total); }
void add_block_double(const double* x, std::size_t n, LogSumExp& total) { accumulate(x, n, total); }

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcompare {
HWY_EXPORT(rms_norm_float);
HWY_EXPORT(rms_norm_double);
HWY_EXPORT(rotate_float);
HWY_EXPORT(rotate_double);
HWY_EXPORT(silu_mul_float);
HWY_EXPORT(silu_mul_double);
HWY_EXPORT(all_finite_float);
HWY_EXPORT(all_finite_double);
HWY_EXPORT(add_block_float);
HWY_EXPORT(add_block_double);

void rms_norm_row(const float* x, const float* weight, double eps, std::size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm_float)(x, weight, eps, n, out);
}
void rms_norm_row(const double* x, const double* weight, double eps, std::size_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm_double)(x, weight, eps, n, out);
}
void rotate_row(const float* x, const float* cos, const float* sin, std::size_t n_pairs, float* out) {
  HWY_DYNAMIC_DISPATCH(rotate_float)(x, cos, sin, n_pairs, out);
}
void rotate_row(const double* x, const double* cos, const double* sin, std::size_t n_pairs, double* out) {
  HWY_DYNAMIC_DISPATCH(rotate_double)(x, cos, sin, n_pairs, out);
}
void silu_mul_row(const float* gate, const float* up, std::size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(silu_mul_float)(gate, up, n, out);
}
void silu_mul_row(const double* gate, const double* up, std::size_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(silu_mul_double)(gate, up, n, out);
}
bool all_finite(const float* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(all_finite_float)(x, n); }
bool all_finite(const double* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(all_finite_double)(x, n); }
void add_block(const float* x, std::size_t n, LogSumExp& total) {
  HWY_DYNAMIC_DISPATCH(add_block_float)(x, n, total);
}
void add_block(const double* x, std::size_t n, LogSumExp& total) {
  HWY_DYNAMIC_DISPATCH(add_block_double)(x, n, total);
}

double LogSumExp::value() const { return max + std::log(sum); }

}  // namespace kvcompare
#endif
