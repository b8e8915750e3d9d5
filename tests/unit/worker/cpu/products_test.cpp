#include "worker/cpu/products.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <c10/core/ScalarType.h>

#include "tests/support/product_kinds.h"

namespace kvcompare {
namespace {

std::string cpuinfo(const std::string& flags) {
  return "processor\t: 0\nmodel name\t: Some\nflags\t\t: fpu " + flags + "\nbugs\t\t: avx512_bf16\n";
}

TEST(ProductKind, IsPlainForWeightsOf32And64Bits) {
  EXPECT_EQ(product_kind(at::kFloat, cpuinfo("avx512_bf16")), ProductKind::kPlain);
  EXPECT_EQ(product_kind(at::kDouble, cpuinfo("amx_bf16")), ProductKind::kPlain);
}

TEST(ProductKind, MultipliesPairsOnlyWhereTheProcessorDoes) {
  EXPECT_EQ(product_kind(at::kBFloat16, cpuinfo("avx2")), ProductKind::kWidened);
  EXPECT_EQ(product_kind(at::kBFloat16, cpuinfo("avx512f avx512_bf16 sse")), ProductKind::kPaired);
  EXPECT_EQ(product_kind(at::kBFloat16, cpuinfo("avx512_bf16x")), ProductKind::kWidened);
  EXPECT_EQ(product_kind(at::kBFloat16, ""), ProductKind::kWidened);
}

// What has units for 16 bits whose results libtorch rounds to 16 bits.
TEST(ProductKind, RoundsNoResultTo16Bits) {
  EXPECT_EQ(product_kind(at::kBFloat16, cpuinfo("avx512_bf16 amx_bf16")), ProductKind::kWidened);
  EXPECT_EQ(product_kind(at::kHalf, cpuinfo("avx512_bf16 avx512_fp16 amx_fp16")), ProductKind::kWidened);
}

TEST(ProductKind, IsNamedWhereResultsDependOnIt) {
  EXPECT_EQ(name_of(ProductKind::kPlain), "");
  EXPECT_EQ(name_of(ProductKind::kWidened), "float32 products");
  EXPECT_EQ(name_of(ProductKind::kPaired), "bfloat16 products by AVX512-BF16");
}

struct Case {
  ProductKind kind;
  at::ScalarType weights;
  double tolerance;  // of a sum of 193 products of normal numbers
};

class ProductsTest : public testing::TestWithParam<Case> {};

// Sums in float64 of the same numbers. 801 columns are twelve panels and a half; 193 rows are no pairs.
TEST_P(ProductsTest, AreThoseOfFloat64WithinTheRounding) {
  const auto& c = GetParam();
  if (!this_machine_has(c.kind)) GTEST_SKIP() << "the processor has no AVX512-BF16";
  const std::int64_t n_in = 193, n_out = 801;
  Products products(c.kind);
  const auto scale = 1 / std::sqrt(static_cast<double>(n_in));
  const auto weight = (at::randn({n_in, n_out}) * scale).to(c.weights);
  const auto packed = side_by_side({weight.t().contiguous()}, layout_for(c.kind));
  const auto activations = c.weights == at::kDouble ? at::kDouble : at::kFloat;
  for (const std::int64_t n_rows : {1, 7, 70}) {
    const auto x = at::randn({n_rows, n_in}, activations);
    const auto expected = at::matmul(x.to(at::kDouble), weight.to(at::kDouble));
    const auto out = at::randn({n_rows, n_out}, activations);
    const auto before = out.clone().to(at::kDouble);
    products.add_product(x, packed, out);
    EXPECT_LE((out.to(at::kDouble) - before - expected).abs().max().item<double>(), c.tolerance);
    products.multiply(x, packed, out);
    EXPECT_LE((out.to(at::kDouble) - expected).abs().max().item<double>(), c.tolerance);
    EXPECT_GT((out - before).abs().max().item<double>(), 10 * c.tolerance);
  }
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return word_of(info.param.kind) + '_' + c10::toString(info.param.weights);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ProductsTest,
                         testing::Values(Case{ProductKind::kPlain, at::kFloat, 1e-5},
                                         Case{ProductKind::kPlain, at::kDouble, 1e-14},
                                         Case{ProductKind::kPaired, at::kBFloat16, 2e-2},
                                         Case{ProductKind::kWidened, at::kBFloat16, 1e-5},
                                         Case{ProductKind::kWidened, at::kHalf, 1e-5}),
                         case_name);

}  // namespace
}  // namespace kvcompare
