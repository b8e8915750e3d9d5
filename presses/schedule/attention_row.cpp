#include "presses/schedule/attention_row.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "presses/schedule/attention_row.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>

#include "presses/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {

template <class T>
void add_row(T* logits, const T* bias, std::size_t n, double* received) {
  const hn::ScalableTag<T> d;
  const auto lowest = hn::Set(d, -std::numeric_limits<T>::infinity());
  auto highest = lowest;
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto x = hn::Add(load(lanes, d, logits + i), load(lanes, d, bias + i));
    store(x, lanes, d, logits + i);
    highest = hn::Max(highest, inside_or(d, x, lanes, lowest));
  });
  const auto max = hn::MaxOfLanes(d, highest);
  auto sum = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto weight = exp_of_difference(d, hn::Sub(load(lanes, d, logits + i), max));
    store(weight, lanes, d, logits + i);
    sum = hn::Add(sum, inside_or(d, weight, lanes, hn::Zero(d)));
  });
  const T scale = T{1} / hn::GetLane(hn::SumOfLanes(d, sum));
  for (std::size_t i = 0; i < n; ++i) received[i] += static_cast<double>(logits[i] * scale);
}

void add_row_float(float* logits, const float* bias, std::size_t n, double* received) {
  add_row(logits, bias, n, received);
}
void add_row_double(double* logits, const double* bias, std::size_t n, double* received) {
  add_row(logits, bias, n, received);
}

template <class T>
T exponentials_of(T* x, std::size_t n) {
  const hn::ScalableTag<T> d;
  const auto lowest = hn::Set(d, -std::numeric_limits<T>::infinity());
  auto highest = lowest;
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    highest = hn::Max(highest, inside_or(d, load(lanes, d, x + i), lanes, lowest));
  });
  const auto max = hn::MaxOfLanes(d, highest);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    store(exp_of_difference(d, hn::Sub(load(lanes, d, x + i), max)), lanes, d, x + i);
  });
  return hn::GetLane(max);
}

template <class T>
T sum_alive(const T* x, const T* is_alive, std::size_t n) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    sum = hn::MulAdd(load(lanes, d, x + i), load(lanes, d, is_alive + i), sum);  // 0 beyond the end
  });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

void add_to(double* to, AllLanes lanes, hn::ScalableTag<double> d, hn::Vec<hn::ScalableTag<double>> v) {
  store(hn::Add(load(lanes, d, to), v), lanes, d, to);
}
void add_to(double* to, FirstLanes lanes, hn::ScalableTag<double> d, hn::Vec<hn::ScalableTag<double>> v) {
  store(hn::Add(load(lanes, d, to), v), lanes, d, to);
}
void add_to(double* to, AllLanes, hn::ScalableTag<float> d, hn::Vec<hn::ScalableTag<float>> v) {
  const hn::ScalableTag<double> wide;
  const hn::Rebind<float, decltype(wide)> narrow;
  HWY_ALIGN float copy[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(v, d, copy);
  for (std::size_t i = 0; i < hn::Lanes(d); i += hn::Lanes(wide))
    hn::StoreU(hn::Add(hn::LoadU(wide, to + i), hn::PromoteTo(wide, hn::LoadU(narrow, copy + i))), wide,
               to + i);
}
void add_to(double* to, FirstLanes lanes, hn::ScalableTag<float> d, hn::Vec<hn::ScalableTag<float>> v) {
  HWY_ALIGN float copy[HWY_MAX_BYTES / sizeof(float)] = {};
  hn::Store(v, d, copy);
  for (std::size_t lane = 0; lane < lanes.n; ++lane) to[lane] += static_cast<double>(copy[lane]);
}

template <class T>
void add_rows(const TiledRows<T>& rows, const T* scales, const T* is_alive, std::size_t n, double* received) {
  const hn::ScalableTag<T> d;
  for (std::size_t begin = 0; begin < n; begin += rows.tile, scales += rows.group)
    for_each_vector(d, std::min(rows.tile, n - begin), [&](std::size_t i, auto lanes) {
      const auto j = begin + i;
      auto sum = hn::Zero(d);
      for (std::size_t g = 0; g < rows.group; ++g)
        sum = hn::MulAdd(hn::Set(d, scales[g]), load(lanes, d, rows.first + g * rows.stride + j), sum);
      add_to(received + j, lanes, d, hn::Mul(sum, load(lanes, d, is_alive + j)));
    });
}

float exponentials_float(float* x, std::size_t n) { return exponentials_of(x, n); }
double exponentials_double(double* x, std::size_t n) { return exponentials_of(x, n); }
float sum_alive_float(const float* x, const float* is_alive, std::size_t n) {
  return sum_alive(x, is_alive, n);
}
double sum_alive_double(const double* x, const double* is_alive, std::size_t n) {
  return sum_alive(x, is_alive, n);
}
void add_rows_float(const TiledRows<float>& rows, const float* scales, const float* is_alive, std::size_t n,
                    double* received) {
  add_rows(rows, scales, is_alive, n, received);
}
void add_rows_double(const TiledRows<double>& rows, const double* scales, const double* is_alive,
                     std::size_t n, double* received) {
  add_rows(rows, scales, is_alive, n, received);
}

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcompare {
HWY_EXPORT(add_row_float);
HWY_EXPORT(add_row_double);
HWY_EXPORT(exponentials_float);
HWY_EXPORT(exponentials_double);
HWY_EXPORT(sum_alive_float);
HWY_EXPORT(sum_alive_double);
HWY_EXPORT(add_rows_float);
HWY_EXPORT(add_rows_double);

void add_attention_row(std::span<float> logits, std::span<const float> bias, std::span<double> received) {
  HWY_DYNAMIC_DISPATCH(add_row_float)(logits.data(), bias.data(), logits.size(), received.data());
}
void add_attention_row(std::span<double> logits, std::span<const double> bias, std::span<double> received) {
  HWY_DYNAMIC_DISPATCH(add_row_double)(logits.data(), bias.data(), logits.size(), received.data());
}

float exponentials(std::span<float> x) {
  return HWY_DYNAMIC_DISPATCH(exponentials_float)(x.data(), x.size());
}
double exponentials(std::span<double> x) {
  return HWY_DYNAMIC_DISPATCH(exponentials_double)(x.data(), x.size());
}

float sum_of_alive(std::span<const float> x, std::span<const float> is_alive) {
  return HWY_DYNAMIC_DISPATCH(sum_alive_float)(x.data(), is_alive.data(), x.size());
}
double sum_of_alive(std::span<const double> x, std::span<const double> is_alive) {
  return HWY_DYNAMIC_DISPATCH(sum_alive_double)(x.data(), is_alive.data(), x.size());
}

template <>
void add_scaled_rows(const TiledRows<float>& rows, std::span<const float> scales,
                     std::span<const float> is_alive, std::span<double> received) {
  HWY_DYNAMIC_DISPATCH(add_rows_float)
  (rows, scales.data(), is_alive.data(), is_alive.size(), received.data());
}
template <>
void add_scaled_rows(const TiledRows<double>& rows, std::span<const double> scales,
                     std::span<const double> is_alive, std::span<double> received) {
  HWY_DYNAMIC_DISPATCH(add_rows_double)
  (rows, scales.data(), is_alive.data(), is_alive.size(), received.data());
}

}  // namespace kvcompare
#endif
