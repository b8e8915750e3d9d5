#include "presses/methods/keydiff_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "presses/methods/keydiff_kernels.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
hn::Vec<D> rounded(D d, hn::Vec<D> v) {
  const auto places = hn::Set(d, kFortyPlaces);
  return hn::Sub(hn::Add(v, places), places);
}

// Four vectors of at most four lanes make a tile.
void minus_dots(const double* tile, const double* x, std::size_t d_head, std::size_t n_tiles, double* out) {
  const hn::CappedTag<double, kDirectionsInTile / 4> d;
  const auto n = hn::Lanes(d);
  for (std::size_t t = 0; t < n_tiles; ++t, tile += d_head * kDirectionsInTile, out += kDirectionsInTile)
    for (std::size_t first = 0; first < kDirectionsInTile; first += 4 * n) {
      auto a = hn::Zero(d), b = a, c = a, e = a;
      for (std::size_t channel = 0; channel < d_head; ++channel) {
        const auto* row = tile + channel * kDirectionsInTile + first;
        const auto factor = hn::Set(d, x[channel]);
        a = hn::NegMulAdd(factor, hn::LoadU(d, row), a);
        b = hn::NegMulAdd(factor, hn::LoadU(d, row + n), b);
        c = hn::NegMulAdd(factor, hn::LoadU(d, row + 2 * n), c);
        e = hn::NegMulAdd(factor, hn::LoadU(d, row + 3 * n), e);
      }
      hn::StoreU(rounded(d, a), d, out + first);
      hn::StoreU(rounded(d, b), d, out + first + n);
      hn::StoreU(rounded(d, c), d, out + first + 2 * n);
      hn::StoreU(rounded(d, e), d, out + first + 3 * n);
    }
}

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcompare {
HWY_EXPORT(minus_dots);

void minus_dot_products(std::span<const double> tiles, std::span<const double> x,
                        std::span<double> products) {
  HWY_DYNAMIC_DISPATCH(minus_dots)
  (tiles.data(), x.data(), x.size(), products.size() / kDirectionsInTile, products.data());
}

}  // namespace kvcompare
#endif
