// What kernels have in common that Highway compiles once for every instruction set: loops over arrays by
// vectors of any width, and exp. Included after hwy/foreach_target.h.
#include <cstddef>

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

// Once for every instruction set, as Highway asks for.
#if defined(KVCOMPARE_PRESSES_SIMD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef KVCOMPARE_PRESSES_SIMD_INL_H
#undef KVCOMPARE_PRESSES_SIMD_INL_H
#else
#define KVCOMPARE_PRESSES_SIMD_INL_H
#endif

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Which lanes of a vector lie inside the array: all, or the first n of the last vector. Nothing beyond is
// read or written.
struct AllLanes {};
struct FirstLanes {
  std::size_t n;
};

template <class D>
hn::Vec<D> load(AllLanes, D d, const hn::TFromD<D>* p) {
  return hn::LoadU(d, p);
}
template <class D>
void store(hn::Vec<D> v, AllLanes, D d, hn::TFromD<D>* p) {
  hn::StoreU(v, d, p);
}

// 0 beyond. Masked loads and stores of AVX2 leave 32- and 64-bit lanes alone that the mask leaves out, those
// of older or other instruction sets touch the whole vector.
template <class D>
hn::Vec<D> load(FirstLanes lanes, D d, const hn::TFromD<D>* p) {
#if HWY_MEM_OPS_MIGHT_FAULT && HWY_TARGET != HWY_AVX2
  HWY_ALIGN hn::TFromD<D> copy[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)] = {};
  for (std::size_t i = 0; i < lanes.n; ++i) copy[i] = p[i];
  return hn::Load(d, copy);
#else
  return hn::MaskedLoad(hn::FirstN(d, lanes.n), d, p);
#endif
}
template <class D>
void store(hn::Vec<D> v, FirstLanes lanes, D d, hn::TFromD<D>* p) {
#if HWY_MEM_OPS_MIGHT_FAULT && HWY_TARGET != HWY_AVX2
  HWY_ALIGN hn::TFromD<D> copy[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
  hn::Store(v, d, copy);
  for (std::size_t i = 0; i < lanes.n; ++i) p[i] = copy[i];
#else
  hn::BlendedStore(v, hn::FirstN(d, lanes.n), d, p);
#endif
}

// v, but `other` beyond the array.
template <class D>
hn::Vec<D> inside_or(D, hn::Vec<D> v, AllLanes, hn::Vec<D>) {
  return v;
}
template <class D>
hn::Vec<D> inside_or(D d, hn::Vec<D> v, FirstLanes lanes, hn::Vec<D> other) {
  return hn::IfThenElse(hn::FirstN(d, lanes.n), v, other);
}

// exp(v) for v <= 0, NaN for NaN (Highway's Exp gives 0), and 0 where the result would soon be subnormal: far
// below what a sum beside a 1 can notice, and a core takes a hundred times longer over such numbers. A
// trained model has many.
template <class D>
hn::Vec<D> exp_of_difference(D d, hn::Vec<D> v) {
  const auto least = hn::Set(d, static_cast<hn::TFromD<D>>(sizeof(hn::TFromD<D>) == 4 ? -85 : -700));
  const auto exp = hn::IfThenElseZero(hn::Ge(v, least), hn::Exp(d, hn::Max(v, least)));
  return hn::IfThenElse(hn::Eq(v, v), exp, v);
}

// f(i, lanes) for every vector of [0, n).
template <class D, class F>
void for_each_vector(D d, std::size_t n, F f) {
  const auto width = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + width <= n; i += width) f(i, AllLanes());
  if (i < n) f(i, FirstLanes{n - i});
}

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
