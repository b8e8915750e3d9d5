#include "worker/cpu/products.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include "worker/devices/cpu_features.h"

namespace kvcompare {
namespace {

// A widened block stays in a core's second-level cache beside the rows that it is multiplied with.
constexpr std::int64_t kWidenedNumbers = std::int64_t{1} << 16;
constexpr std::int64_t kLeastColumns = 32;

std::int64_t columns_at_once(std::int64_t n_in) { return std::max(kWidenedNumbers / n_in, kLeastColumns); }

bool has_amx(at::ScalarType weights, std::string_view cpuinfo) {
  return has_cpu_flag(cpuinfo, weights == at::kHalf ? "amx_fp16" : "amx_bf16");
}

at::Tensor as_matrix(const at::Tensor& flat, std::int64_t n_rows, std::int64_t n_columns) {
  return flat.narrow(0, 0, n_rows * n_columns).view({n_rows, n_columns});
}

}  // namespace

ProductKind product_kind(at::ScalarType weights, std::string_view cpuinfo) {
  if (weights == at::kFloat || weights == at::kDouble) return ProductKind::kPlain;
  const auto* instructions = weights == at::kHalf ? "avx512_fp16" : "avx512_bf16";
  return has_amx(weights, cpuinfo) || has_cpu_flag(cpuinfo, instructions) ? ProductKind::kNarrow
                                                                          : ProductKind::kWidened;
}

ProductKind product_kind_of_head(ProductKind kind, at::ScalarType weights) {
  return weights == at::kHalf && kind == ProductKind::kNarrow ? ProductKind::kWidened : kind;
}

at::ScalarType type_of_products(at::ScalarType weights) {
  return product_kind(weights, read_cpuinfo()) == ProductKind::kWidened ? at::kFloat : weights;
}

std::int64_t rows_in_product(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo) {
  if (kind == ProductKind::kPlain) return 64;
  return kind == ProductKind::kNarrow && has_amx(weights, cpuinfo) ? 256 : 128;
}

std::string name_of(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo) {
  if (kind == ProductKind::kPlain) return "";
  if (kind == ProductKind::kWidened) return "float32 products";
  return std::string(weights == at::kHalf ? "float16" : "bfloat16") + " products" +
         (has_amx(weights, cpuinfo) ? " by AMX" : "");
}

Products::Products(ProductKind kind, at::ScalarType weights, std::int64_t max_rows, std::int64_t max_in,
                   std::int64_t max_out)
    : kind_(kind) {
  const auto options = at::TensorOptions().dtype(weights);
  if (kind == ProductKind::kNarrow) {
    x_ = at::empty({max_rows * max_in}, options);
    product_ = at::empty({max_rows * max_out}, options);
  } else if (kind == ProductKind::kWidened) {
    widened_ = at::empty({std::max(kWidenedNumbers, max_in * kLeastColumns)}, options.dtype(at::kFloat));
  }
}

void Products::multiply(const at::Tensor& x, const at::Tensor& weight, at::Tensor out) {
  if (kind_ == ProductKind::kPlain)
    at::mm_out(out, x, weight);
  else if (kind_ == ProductKind::kNarrow)
    out.copy_(narrow_product(x, weight));
  else
    by_widened_blocks(weight, out,
                      [&](const at::Tensor& block, at::Tensor columns) { at::mm_out(columns, x, block); });
}

void Products::add_product(const at::Tensor& x, const at::Tensor& weight, at::Tensor out) {
  if (kind_ == ProductKind::kPlain)
    out.addmm_(x, weight);
  else if (kind_ == ProductKind::kNarrow)
    out.add_(narrow_product(x, weight));
  else
    by_widened_blocks(weight, out,
                      [&](const at::Tensor& block, at::Tensor columns) { columns.addmm_(x, block); });
}

at::Tensor Products::narrow_product(const at::Tensor& x, const at::Tensor& weight) {
  auto narrow = as_matrix(x_, x.size(0), x.size(1));
  auto product = as_matrix(product_, x.size(0), weight.size(1));
  narrow.copy_(x);
  at::mm_out(product, narrow, weight);
  return product;
}

template <class Multiply>
void Products::by_widened_blocks(const at::Tensor& weight, const at::Tensor& out, const Multiply& multiply) {
  const auto n_in = weight.size(0), n_out = weight.size(1), step = columns_at_once(n_in);
  for (std::int64_t begin = 0; begin < n_out; begin += step) {
    const auto n = std::min(step, n_out - begin);
    auto block = as_matrix(widened_, n_in, n);
    block.copy_(weight.narrow(1, begin, n));
    multiply(block, out.narrow(1, begin, n));
  }
}

}  // namespace kvcompare
