// Matrix products of the CPU engine: rows of activations times a weight matrix. Activations are float32 (or
// float64); weights are of the same type, or of 16 bits. How a product with weights of 16 bits is computed
// depends on the machine:
//  - kPaired: the rows are rounded to bfloat16, and pairs of products are summed in float32 by an instruction
//  of
//    AVX512-BF16 (bfloat16_product.h). The result is float32.
//  - kNarrow: the rows are rounded to the weights' type, and libtorch multiplies in that type: oneDNN, with
//    sums in float32, on units made for it (AMX, AVX512-FP16). The result is rounded to 16 bits.
//  - kWidened: a block of the weights is converted to float32 and multiplied in float32. Nothing is rounded
//  to
//    16 bits, and only the conversion reads the weights: half the bytes of float32.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "worker/cpu/bfloat16_product.h"
#include "worker/cpu/matrix_product.h"
#include "worker/cpu/weight_panels.h"

namespace kvcompare {

enum class ProductKind {
  kPlain,  // weights are float32 or float64
  kPaired,
  kNarrow,
  kWidened,
};

// The faster kind of product for weights of this type on a processor with this /proc/cpuinfo. libtorch's
// narrow products are slower than its float32 ones where the processor has no instructions for them.
ProductKind product_kind(at::ScalarType weights, std::string_view cpuinfo);

// The kind for the head. The result of a narrow product has the weights' type, and logits rounded to float16
// would change the NLL of a short sample by more than float16 changes it elsewhere.
ProductKind product_kind_of_head(ProductKind kind, at::ScalarType weights);

// Whether attention, too, multiplies pairs of bfloat16: weights of bfloat16 that are not widened, on a
// processor with AVX512-BF16.
bool multiplies_pairs(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo);

// The layout of a weight matrix that products of this kind read.
WeightLayout layout_for(ProductKind kind);

// The type in which this machine multiplies with weights of this type: theirs, or float32 if they are
// widened.
at::ScalarType type_of_products(at::ScalarType weights);

// Rows that one product takes: fewer leave the processor's matrix units idle, or widen the weights too often.
std::int64_t rows_in_product(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo);

// Part of the engine's instruction_set(), because results differ by it: "" of kPlain.
std::string name_of(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo);

// Products of one thread, with the memory that they need in between.
class Products {
 public:
  explicit Products(ProductKind kind) : kind_(kind) {}

  // x: [n, in], out: [n, out], both contiguous, in the type of activations; weight: [in, out] in the layout
  // for the kind. An element of the result has the same bits whatever n is, unless libtorch multiplies
  // (kNarrow).
  void multiply(const at::Tensor& x, const at::Tensor& weight, at::Tensor out);
  void add_product(const at::Tensor& x, const at::Tensor& weight, at::Tensor out);  // out += x * weight

 private:
  void on_panels(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out, ProductGoes where);
  at::Tensor narrow_product(const at::Tensor& x, const at::Tensor& weight);

  ProductKind kind_;
  at::Tensor x_, product_;  // kNarrow: 16 bits, flat
  BlockScratch<float> block_;
  BlockScratch<double> wide_block_;
  PairScratch pairs_;
};

}  // namespace kvcompare
