#include "worker/cpu/distribution_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/cpu/distribution_kernels.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>

#include "presses/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {

template <class T>
void add_distance(const T* x, const T* x0, std::size_t n, const LogSumExp& row, const LogSumExp& row0,
                  RowDistance& distance) {
  const hn::ScalableTag<T> d;
  const auto apart = hn::Set(d, static_cast<T>(row0.value() - row.value()));
  const auto max = hn::Set(d, static_cast<T>(row.max)), max0 = hn::Set(d, static_cast<T>(row0.max));
  const auto ratio = hn::Set(d, static_cast<T>(row0.sum / row.sum));
  auto weighted = hn::Zero(d), excess = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto a = load(lanes, d, x + i), b = load(lanes, d, x0 + i);
    const auto e = exp_of_difference(d, hn::Sub(a, max)), e0 = exp_of_difference(d, hn::Sub(b, max0));
    const auto further = hn::Sub(hn::Sub(b, a), apart);
    // One rounding, so that nothing is left of equal numbers whether or not the compiler fuses operations.
    const auto more = hn::Max(hn::NegMulAdd(e, ratio, e0), hn::Zero(d));
    weighted = hn::Add(weighted, inside_or(d, hn::Mul(e0, further), lanes, hn::Zero(d)));
    excess = hn::Add(excess, inside_or(d, more, lanes, hn::Zero(d)));
  });
  distance.weighted += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, weighted)));
  distance.excess += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, excess)));
}

// Highway exports plain functions.
void add_distance_float(const float* x, const float* x0, std::size_t n, const LogSumExp& row,
                        const LogSumExp& row0, RowDistance& distance) {
  add_distance(x, x0, n, row, row0, distance);
}
void add_distance_double(const double* x, const double* x0, std::size_t n, const LogSumExp& row,
                         const LogSumExp& row0, RowDistance& distance) {
  add_distance(x, x0, n, row, row0, distance);
}

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcompare {
namespace {

// The maximum of the row is in this block if it has risen; few blocks raise it.
template <class T>
void add_block_of(const T* x, std::size_t n, TokenId first, LogitRow& row) {
  const double before = row.log_sum.max;
  add_block(x, n, row.log_sum);
  if (!(row.log_sum.max > before)) return;
  const auto* found = std::find(x, x + n, static_cast<T>(row.log_sum.max));
  row.top1 = found == x + n ? -1 : first + (found - x);
}

}  // namespace

HWY_EXPORT(add_distance_float);
HWY_EXPORT(add_distance_double);

void add_block(const float* x, std::size_t n, TokenId first, LogitRow& row) {
  add_block_of(x, n, first, row);
}
void add_block(const double* x, std::size_t n, TokenId first, LogitRow& row) {
  add_block_of(x, n, first, row);
}

void add_block(const float* x, const float* x0, std::size_t n, const LogSumExp& row, const LogSumExp& row0,
               RowDistance& distance) {
  HWY_DYNAMIC_DISPATCH(add_distance_float)(x, x0, n, row, row0, distance);
}
void add_block(const double* x, const double* x0, std::size_t n, const LogSumExp& row, const LogSumExp& row0,
               RowDistance& distance) {
  HWY_DYNAMIC_DISPATCH(add_distance_double)(x, x0, n, row, row0, distance);
}

template <class T>
double kl_of(const RowDistance& distance, const LogSumExp& row, const LogSumExp& row0) {
  const double apart = row0.value() - row.value();
  const auto subtracted = static_cast<double>(static_cast<T>(apart));  // by add_block
  return distance.weighted / row0.sum + (subtracted - apart);
}
template double kl_of<float>(const RowDistance&, const LogSumExp&, const LogSumExp&);
template double kl_of<double>(const RowDistance&, const LogSumExp&, const LogSumExp&);

}  // namespace kvcompare
#endif
