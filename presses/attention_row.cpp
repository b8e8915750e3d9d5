#include "presses/attention_row.h"

#include <cstddef>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "presses/attention_row.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>
#include "presses/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of the full width for the softmax, of as many lanes as a vector of doubles has for the sums.
template <class T>
void add_attention_row(T* logits, const T* bias, std::size_t n, double* received) {
  const hn::ScalableTag<T> d;
  const auto lanes = hn::Lanes(d);
  const auto n_whole = n - n % lanes;
  T max = -std::numeric_limits<T>::infinity();
  auto highest = hn::Set(d, max);
  for (std::size_t i = 0; i < n_whole; i += lanes) {
    const auto x = hn::Add(hn::LoadU(d, logits + i), hn::LoadU(d, bias + i));
    hn::StoreU(x, d, logits + i);
    highest = hn::Max(highest, x);
  }
  max = hn::GetLane(hn::MaxOfLanes(d, highest));
  for (auto i = n_whole; i < n; ++i) {
    logits[i] += bias[i];
    max = HWY_MAX(max, logits[i]);
  }
  const auto tail = hn::FirstN(d, n - n_whole);
  auto sum = hn::Zero(d);
  for (std::size_t i = 0; i < n_whole; i += lanes) {
    const auto weight = exp_of_difference(d, hn::Sub(hn::LoadU(d, logits + i), hn::Set(d, max)));
    hn::StoreU(weight, d, logits + i);
    sum = hn::Add(sum, weight);
  }
  if (n_whole < n) {
    const auto x = hn::MaskedLoad(tail, d, logits + n_whole);
    const auto weight = hn::IfThenElseZero(tail, exp_of_difference(d, hn::Sub(x, hn::Set(d, max))));
    hn::BlendedStore(weight, tail, d, logits + n_whole);
    sum = hn::Add(sum, weight);
  }
  const T scale = T{1} / hn::GetLane(hn::SumOfLanes(d, sum));
  for (std::size_t i = 0; i < n; ++i) received[i] += static_cast<double>(logits[i] * scale);
}

void add_row_float(float* logits, const float* bias, std::size_t n, double* received) {
  add_attention_row(logits, bias, n, received);
}
void add_row_double(double* logits, const double* bias, std::size_t n, double* received) {
  add_attention_row(logits, bias, n, received);
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
