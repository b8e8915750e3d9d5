// What kernels have in common that Highway compiles once for every instruction set: loops over arrays by vectors of
// any width, and exp. Included after hwy/foreach_target.h.
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

// Which lanes of a vector lie inside the array: all, or, of the last one, those of a mask.
struct AllLanes {};

template <class D>
hn::Vec<D> load(AllLanes, D d, const hn::TFromD<D>* p) {
  return hn::LoadU(d, p);
}
template <class D>
hn::Vec<D> load(hn::Mask<D> lanes, D d, const hn::TFromD<D>* p) {  // 0 beyond
  return hn::MaskedLoad(lanes, d, p);
}

template <class D>
void store(hn::Vec<D> v, AllLanes, D d, hn::TFromD<D>* p) {
  hn::StoreU(v, d, p);
}
template <class D>
void store(hn::Vec<D> v, hn::Mask<D> lanes, D d, hn::TFromD<D>* p) {
  hn::BlendedStore(v, lanes, d, p);
}

// v, but `other` beyond the array.
template <class V>
V inside_or(V v, AllLanes, V) {
  return v;
}
template <class V, class M>
V inside_or(V v, M lanes, V other) {
  return hn::IfThenElse(lanes, v, other);
}

// exp(v) for v <= 0, and 0 below the smallest term that a sum beside a 1 could notice by far: terms that small are
// subnormal before long, and a core takes a hundred times longer over those. A trained model has many.
template <class D>
hn::Vec<D> exp_of_difference(D d, hn::Vec<D> v) {
  const auto least = hn::Set(d, static_cast<hn::TFromD<D>>(sizeof(hn::TFromD<D>) == 4 ? -60 : -600));
  return hn::IfThenElseZero(hn::Ge(v, least), hn::Exp(d, hn::Max(v, least)));
}

// f(i, lanes) for every vector of [0, n).
template <class D, class F>
void for_each_vector(D d, std::size_t n, F f) {
  const auto width = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + width <= n; i += width) f(i, AllLanes());
  if (i < n) f(i, hn::FirstN(d, n - i));
}

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
