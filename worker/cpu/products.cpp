#include "worker/cpu/products.h"

#include "worker/devices/cpu_features.h"

namespace kvcompare {
namespace {

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
  const auto has_fast_pairs = has_cpu_flag(cpuinfo, "avx512_bf16") && !has_cpu_flag(cpuinfo, "amx_bf16");
  return weights == at::kBFloat16 && has_fast_pairs ? ProductKind::kPaired : ProductKind::kWidened;
}

at::ScalarType type_of_products(at::ScalarType weights) {
  return product_kind(weights, read_cpuinfo()) == ProductKind::kWidened ? at::kFloat : weights;
}

WeightLayout layout_for(ProductKind kind) {
  return kind == ProductKind::kPaired ? WeightLayout::kPairedPanels : WeightLayout::kPanels;
}

std::int64_t rows_in_product(ProductKind kind) { return kind == ProductKind::kPlain ? 64 : 128; }

std::string name_of(ProductKind kind) {
  if (kind == ProductKind::kPlain) return "";
  return kind == ProductKind::kWidened ? "float32 products" : "bfloat16 products by AVX512-BF16";
}

void Products::multiply(const at::Tensor& x, const at::Tensor& weight, at::Tensor out) {
  on_panels(x, weight, out, ProductGoes::kToOut);
}

void Products::add_product(const at::Tensor& x, const at::Tensor& weight, at::Tensor out) {
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

}  // namespace kvcompare
