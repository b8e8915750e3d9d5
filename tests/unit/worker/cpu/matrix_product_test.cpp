#include "worker/cpu/matrix_product.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/empty.h>

#include "tests/support/product_kinds.h"
#include "tests/support/simd_targets.h"
#include "worker/cpu/bfloat16_product.h"
#include "worker/cpu/weight_panels.h"

namespace kvcompare {
namespace {

struct Shape {
  std::int64_t n_rows, n_in, n_out;
};

// Rows of a tile, columns of a panel and of a vector, rows of a block (512, or 512 pairs): one, all, one
// more, one less.
const std::vector<Shape> kShapes = {{1, 1, 1},    {5, 3, 63},   {6, 17, 64},  {7, 64, 65},   {13, 100, 130},
                                    {64, 33, 48}, {2, 511, 70}, {3, 512, 16}, {8, 1025, 31}, {256, 40, 97}};

// ---- the kinds of product, as the tests see them

template <class T, class W>
struct HighwayProduct {
  using Activation = T;
  using Weight = W;
  static constexpr auto kLayout = WeightLayout::kPanels;
  static T used(T x) { return x; }
  static void run(const MatrixProduct<T, W>& p, ProductGoes where) {
    BlockScratch<T> scratch;
    multiply(p, where, scratch);
  }
};

struct PairProduct {
  using Activation = float;
  using Weight = c10::BFloat16;
  static constexpr auto kLayout = WeightLayout::kPairedPanels;
  static float used(float x) { return static_cast<float>(c10::BFloat16(x)); }
  static void run(const MatrixProduct<float, c10::BFloat16>& p, ProductGoes where) {
    PairScratch scratch;
    multiply(p, where, scratch);
  }
};

template <class Kind>
class MatrixProductTest : public testing::Test {
 protected:
  using T = typename Kind::Activation;
  using W = typename Kind::Weight;

  void SetUp() override {
    if (std::is_same_v<Kind, PairProduct> && !this_machine_has(ProductKind::kPaired))
      GTEST_SKIP() << "the processor has no AVX512-BF16";
  }

  template <class Number>
  std::vector<Number> random_numbers(std::int64_t n) {
    std::normal_distribution<double> normal;
    std::vector<Number> numbers;
    for (std::int64_t i = 0; i < n; ++i)
      numbers.push_back(static_cast<Number>(static_cast<float>(normal(generator_))));
    return numbers;
  }

  // weight: [out, in].
  static at::Tensor packed(const std::vector<W>& weight, const Shape& s) {
    auto matrix = at::empty({s.n_out, s.n_in}, at::TensorOptions().dtype(c10::CppTypeToScalarType<W>::value));
    std::copy(weight.begin(), weight.end(), matrix.template mutable_data_ptr<W>());
    return side_by_side({matrix}, Kind::kLayout);
  }

  // Arrays end where their pages end.
  static std::vector<T> product(const std::vector<T>& x, const at::Tensor& weights, const Shape& s,
                                const std::vector<T>& before, ProductGoes where) {
    const FencedArray<T> rows(x), out(before);
    const auto* numbers = weights.template const_data_ptr<W>();
    const FencedArray<W> panels(std::vector<W>(numbers, numbers + weights.numel()));
    Kind::run({.n_rows = s.n_rows,
               .n_in = s.n_in,
               .n_out = s.n_out,
               .x = rows.span().data(),
               .weights = panels.span().data(),
               .out = out.span().data()},
              where);
    return {out.span().begin(), out.span().end()};
  }

  std::mt19937_64 generator_{7};
};

using Kinds =
    testing::Types<HighwayProduct<float, float>, HighwayProduct<double, double>,
                   HighwayProduct<float, c10::BFloat16>, HighwayProduct<float, c10::Half>, PairProduct>;
TYPED_TEST_SUITE(MatrixProductTest, Kinds);

TYPED_TEST(MatrixProductTest, IsTheSumInLongDouble) {
  using Number = typename TypeParam::Activation;
  using Weight = typename TypeParam::Weight;
  for (const auto& s : kShapes) {
    SCOPED_TRACE(std::to_string(s.n_rows) + " x " + std::to_string(s.n_in) + " x " + std::to_string(s.n_out));
    const auto x = this->template random_numbers<Number>(s.n_rows * s.n_in);
    const auto weight = this->template random_numbers<Weight>(s.n_out * s.n_in);
    const auto before = this->template random_numbers<Number>(s.n_rows * s.n_out);
    const auto panels = this->packed(weight, s);
    on_every_simd_target([&] {
      const auto alone = this->product(x, panels, s, before, ProductGoes::kToOut);
      const auto added = this->product(x, panels, s, before, ProductGoes::kOntoOut);
      for (std::int64_t r = 0; r < s.n_rows; ++r)
        for (std::int64_t c = 0; c < s.n_out; ++c) {
          long double sum = 0, size = 0;
          for (std::int64_t k = 0; k < s.n_in; ++k) {
            const auto term =
                static_cast<long double>(TypeParam::used(x[static_cast<std::size_t>(r * s.n_in + k)])) *
                static_cast<long double>(weight[static_cast<std::size_t>(c * s.n_in + k)]);
            sum += term;
            size += std::abs(term);
          }
          const auto at = static_cast<std::size_t>(r * s.n_out + c);
          // Far above the rounding of a sum in any order, far below one term.
          const auto tolerance = static_cast<double>(size) * std::numeric_limits<Number>::epsilon() *
                                 (4 + std::sqrt(static_cast<double>(s.n_in)));
          ASSERT_NEAR(static_cast<double>(alone[at]), static_cast<double>(sum), tolerance) << r << ' ' << c;
          ASSERT_NEAR(static_cast<double>(added[at]), static_cast<double>(sum + before[at]),
                      tolerance + std::numeric_limits<Number>::epsilon() * 16)
              << r << ' ' << c;
        }
    });
  }
}

// A row alone, and the same row among others at another place.
TYPED_TEST(MatrixProductTest, GivesARowTheSameBitsAmongAnyOthers) {
  using Number = typename TypeParam::Activation;
  using Weight = typename TypeParam::Weight;
  const Shape all{64, 600, 150};
  const auto x = this->template random_numbers<Number>(all.n_rows * all.n_in);
  const auto panels = this->packed(this->template random_numbers<Weight>(all.n_out * all.n_in), all);
  const auto before = this->template random_numbers<Number>(all.n_rows * all.n_out);
  on_every_simd_target([&] {
    for (const auto where : {ProductGoes::kToOut, ProductGoes::kOntoOut}) {
      const auto expected = this->product(x, panels, all, before, where);
      for (const auto& [begin, n] : {std::pair{0, 1}, {5, 1}, {1, 2}, {3, 7}, {10, 13}, {40, 24}, {63, 1}}) {
        const auto part = [&](const std::vector<Number>& rows, std::int64_t width) {
          return std::vector<Number>(rows.begin() + begin * width, rows.begin() + (begin + n) * width);
        };
        const auto actual = this->product(part(x, all.n_in), panels, {n, all.n_in, all.n_out},
                                          part(before, all.n_out), where);
        ASSERT_EQ(actual, part(expected, all.n_out)) << begin << ' ' << n;
      }
    }
  });
}

// A NaN or infinity reaches its own row alone, and reaches all of it.
TYPED_TEST(MatrixProductTest, KeepsWhatIsNotFiniteInItsRow) {
  using Number = typename TypeParam::Activation;
  using Weight = typename TypeParam::Weight;
  const Shape s{9, 70, 66};
  auto x = this->template random_numbers<Number>(s.n_rows * s.n_in);
  x[static_cast<std::size_t>(4 * s.n_in + 33)] = std::numeric_limits<Number>::quiet_NaN();
  const auto panels = this->packed(this->template random_numbers<Weight>(s.n_out * s.n_in), s);
  on_every_simd_target([&] {
    const auto out = this->product(
        x, panels, s, std::vector<Number>(static_cast<std::size_t>(s.n_rows * s.n_out)), ProductGoes::kToOut);
    for (std::int64_t i = 0; i < std::ssize(out); ++i)
      ASSERT_EQ(std::isnan(out[static_cast<std::size_t>(i)]), i / s.n_out == 4) << i;
  });
}

}  // namespace
}  // namespace kvcompare
