#include "worker/cpu/products.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <c10/core/ScalarType.h>

namespace kvcompare {
namespace {

std::string cpuinfo(const std::string& flags) {
  return "processor\t: 0\nmodel name\t: Some\nflags\t\t: fpu " + flags + "\nbugs\t\t: avx512_bf16\n";
}

TEST(ProductKind, IsPlainForWeightsOf32And64Bits) {
  EXPECT_EQ(product_kind(at::kFloat, cpuinfo("avx512_bf16")), ProductKind::kPlain);
  EXPECT_EQ(product_kind(at::kDouble, cpuinfo("amx_bf16")), ProductKind::kPlain);
}

TEST(ProductKind, IsNarrowOnlyWhereTheProcessorMultipliesInThatType) {
  EXPECT_EQ(product_kind(at::kBFloat16, cpuinfo("avx2")), ProductKind::kWidened);
  EXPECT_EQ(product_kind(at::kBFloat16, cpuinfo("avx512f avx512_bf16 sse")), ProductKind::kNarrow);
  EXPECT_EQ(product_kind(at::kBFloat16, cpuinfo("amx_bf16")), ProductKind::kNarrow);
  EXPECT_EQ(product_kind(at::kBFloat16, cpuinfo("avx512_bf16x")), ProductKind::kWidened);
  EXPECT_EQ(product_kind(at::kBFloat16, ""), ProductKind::kWidened);
  EXPECT_EQ(product_kind(at::kHalf, cpuinfo("avx512_bf16 amx_bf16")), ProductKind::kWidened);
  EXPECT_EQ(product_kind(at::kHalf, cpuinfo("avx512_fp16")), ProductKind::kNarrow);
  EXPECT_EQ(product_kind(at::kHalf, cpuinfo("amx_fp16")), ProductKind::kNarrow);
}

TEST(ProductKind, IsNamedWhereResultsDependOnIt) {
  EXPECT_EQ(name_of(ProductKind::kPlain, at::kFloat, cpuinfo("amx_bf16")), "");
  EXPECT_EQ(name_of(ProductKind::kWidened, at::kHalf, cpuinfo("")), "float32 products");
  EXPECT_EQ(name_of(ProductKind::kNarrow, at::kBFloat16, cpuinfo("avx512_bf16")), "bfloat16 products");
  EXPECT_EQ(name_of(ProductKind::kNarrow, at::kBFloat16, cpuinfo("amx_bf16")), "bfloat16 products by AMX");
}

struct Case {
  ProductKind kind;
  at::ScalarType weights;
  double tolerance;  // of a sum of 192 products of normal numbers
};

class ProductsTest : public testing::TestWithParam<Case> {};

// Sums in float64 of the same numbers. In the blocks of kWidened there are 341 columns, so 800 are three
// blocks.
TEST_P(ProductsTest, AreThoseOfFloat64WithinTheRounding) {
  const auto& c = GetParam();
  const std::int64_t n_in = 192, n_out = 800;
  Products products(c.kind, c.weights, 70, n_in, n_out);
  const auto scale = 1 / std::sqrt(static_cast<double>(n_in));
  const auto weight = (at::randn({n_in, n_out}) * scale).to(c.weights);
  for (const std::int64_t n_rows : {1, 7, 70}) {
    const auto x = at::randn({n_rows, n_in});
    const auto expected = at::matmul(x.to(at::kDouble), weight.to(at::kDouble));
    const auto out = at::randn({n_rows, n_out});
    const auto before = out.clone().to(at::kDouble);
    products.add_product(x, weight, out);
    EXPECT_LE((out.to(at::kDouble) - before - expected).abs().max().item<double>(), c.tolerance);
    products.multiply(x, weight, out);
    EXPECT_LE((out.to(at::kDouble) - expected).abs().max().item<double>(), c.tolerance);
    EXPECT_GT((out - before).abs().max().item<double>(), 10 * c.tolerance);
  }
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  const auto& of = info.param;
  return std::string(of.kind == ProductKind::kPlain    ? "plain_"
                     : of.kind == ProductKind::kNarrow ? "narrow_"
                                                       : "widened_") +
         c10::toString(of.weights);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ProductsTest,
                         testing::Values(Case{ProductKind::kPlain, at::kFloat, 1e-5},
                                         Case{ProductKind::kWidened, at::kBFloat16, 1e-5},
                                         Case{ProductKind::kWidened, at::kHalf, 1e-5},
                                         Case{ProductKind::kNarrow, at::kBFloat16, 4e-2},
                                         Case{ProductKind::kNarrow, at::kHalf, 5e-3}),
                         case_name);

}  // namespace
}  // namespace kvcompare
