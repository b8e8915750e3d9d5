#include "worker/cpu/products.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include "worker/devices/cpu_features.h"

namespace kvcompare {
namespace {

bool has_amx(at::ScalarType weights, std::string_view cpuinfo) {
  return has_cpu_flag(cpuinfo, weights == at::kHalf ? "amx_fp16" : "amx_bf16");
}

// [n_rows, n_columns], the first numbers of `flat`, which grows if it has less.
at::Tensor as_matrix(at::Tensor& flat, at::ScalarType type, std::int64_t n_rows, std::int64_t n_columns) {
  if (!flat.defined() || flat.numel() < n_rows * n_columns)
    flat = at::empty({n_rows * n_columns}, at::TensorOptions().dtype(type));
  return flat.narrow(0, 0, n_rows * n_columns).view({n_rows, n_columns});
}

template <class T, class Weight = T>
MatrixProduct<T, Weight> product_of(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out) {
  return {.n_rows = x.size(0),
          .n_in = x.size(1),
          .n_out = out.size(1),
          .x = x.const_data_ptr<T>(),
          .weights = weight.const_data_ptr<Weight>(),
          .out = out.mutable_data_ptr<T>()};
}

}  // namespace

ProductKind product_kind(at::ScalarType weights, std::string_view cpuinfo) {
  if (weights == at::kFloat || weights == at::kDouble) return ProductKind::kPlain;
  if (has_amx(weights, cpuinfo)) return ProductKind::kNarrow;
  if (weights == at::kBFloat16)
    return has_cpu_flag(cpuinfo, "avx512_bf16") ? ProductKind::kPaired : ProductKind::kWidened;
  return has_cpu_flag(cpuinfo, "avx512_fp16") ? ProductKind::kNarrow : ProductKind::kWidened;
}

ProductKind product_kind_of_head(ProductKind kind, at::ScalarType weights) {
  return weights == at::kHalf && kind == ProductKind::kNarrow ? ProductKind::kWidened : kind;
}

at::ScalarType type_of_products(at::ScalarType weights) {
  return product_kind(weights, read_cpuinfo()) == ProductKind::kWidened ? at::kFloat : weights;
}

bool multiplies_pairs(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo) {
  return weights == at::kBFloat16 && kind != ProductKind::kWidened && has_cpu_flag(cpuinfo, "avx512_bf16");
}

WeightLayout layout_for(ProductKind kind) {
  if (kind == ProductKind::kNarrow) return WeightLayout::kMatrix;
  return kind == ProductKind::kPaired ? WeightLayout::kPairedPanels : WeightLayout::kPanels;
}

std::int64_t rows_in_product(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo) {
  if (kind == ProductKind::kPlain) return 64;
  return kind == ProductKind::kNarrow && has_amx(weights, cpuinfo) ? 256 : 128;
}

std::string name_of(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo) {
  if (kind == ProductKind::kPlain) return "";
  if (kind == ProductKind::kWidened) return "float32 products";
  if (kind == ProductKind::kPaired) return "bfloat16 products by AVX512-BF16";
  return std::string(weights == at::kHalf ? "float16" : "bfloat16") + " products" +
         (has_amx(weights, cpuinfo) ? " by AMX" : "");
}

void Products::multiply(const at::Tensor& x, const at::Tensor& weight, at::Tensor out) {
  if (kind_ == ProductKind::kNarrow)
    out.copy_(narrow_product(x, weight));
  else
    on_panels(x, weight, out, ProductGoes::kToOut);
}

void Products::add_product(const at::Tensor& x, const at::Tensor& weight, at::Tensor out) {
  if (kind_ == ProductKind::kNarrow)
    out.add_(narrow_product(x, weight));
  else
    on_panels(x, weight, out, ProductGoes::kOntoOut);
}

void Products::on_panels(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out,
                         ProductGoes where) {
  if (kind_ == ProductKind::kPaired)
    kvcompare::multiply(product_of<float, c10::BFloat16>(x, weight, out), where, pairs_);
  else if (weight.scalar_type() == at::kDouble)
    kvcompare::multiply(product_of<double>(x, weight, out), where, wide_block_);
  else if (weight.scalar_type() == at::kFloat)
    kvcompare::multiply(product_of<float>(x, weight, out), where, block_);
  else if (weight.scalar_type() == at::kHalf)
    kvcompare::multiply(product_of<float, c10::Half>(x, weight, out), where, block_);
  else
    kvcompare::multiply(product_of<float, c10::BFloat16>(x, weight, out), where, block_);
}

at::Tensor Products::narrow_product(const at::Tensor& x, const at::Tensor& weight) {
  auto narrow = as_matrix(x_, weight.scalar_type(), x.size(0), x.size(1));
  auto product = as_matrix(product_, weight.scalar_type(), x.size(0), weight.size(1));
  narrow.copy_(x);
  at::mm_out(product, narrow, weight);
  return product;
}

}  // namespace kvcompare
