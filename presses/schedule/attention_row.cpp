#include "presses/schedule/attention_row.h"

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

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcompare {
HWY_EXPORT(add_row_float);
HWY_EXPORT(add_row_double);

void add_attention_row(std::span<float> logits, std::span<const float> bias, std::span<double> received) {
  HWY_DYNAMIC_DISPATCH(add_row_float)(logits.data(), bias.data(), logits.size(), received.data());
}
void add_attention_row(std::span<double> logits, std::span<const double> bias, std::span<double> received) {
  HWY_DYNAMIC_DISPATCH(add_row_double)(logits.data(), bias.data(), logits.size(), received.data());
}

}  // namespace kvcompare
#endif
