// Loops over arrays by vectors of any width, for files that Highway compiles once for every instruction set. Included
// after hwy/foreach_target.h and hwy/highway.h.
#include <cstddef>

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
