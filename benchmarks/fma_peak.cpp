#include "benchmarks/fma_peak.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benchmarks/fma_peak.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Twelve independent chains: more than the latency times the ports of any core, and few enough for sixteen
// registers.
template <class T>
double run_rounds(std::int64_t n) {
  const hn::ScalableTag<T> d;
  constexpr int kChains = 12;
  hn::Vec<decltype(d)> sum[kChains];
  const auto x = hn::Set(d, static_cast<T>(1e-9)), y = hn::Set(d, static_cast<T>(0.999));
  HWY_UNROLL(12)
  for (int c = 0; c < kChains; ++c) sum[c] = hn::Set(d, static_cast<T>(c));  // else they would be one
  for (std::int64_t i = 0; i < n; ++i) {
    HWY_UNROLL(12)
    for (auto& chain : sum) chain = hn::MulAdd(chain, y, x);
  }
  auto total = hn::Zero(d);
  for (const auto& chain : sum) total = hn::Add(total, chain);
  volatile T sink = hn::GetLane(hn::SumOfLanes(d, total));
  (void)sink;
  return 2.0 * kChains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(n);
}

double rounds_float(std::int64_t n) { return run_rounds<float>(n); }
double rounds_double(std::int64_t n) { return run_rounds<double>(n); }

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcompare {
HWY_EXPORT(rounds_float);
HWY_EXPORT(rounds_double);

double run_fma_rounds_float(std::int64_t n) { return HWY_DYNAMIC_DISPATCH(rounds_float)(n); }
double run_fma_rounds_double(std::int64_t n) { return HWY_DYNAMIC_DISPATCH(rounds_double)(n); }

}  // namespace kvcompare
#endif
