// Matrix products of the CPU engine: rows of activations times a weight matrix. Activations are float32 (or
// float64); weights are of the same type, or of 16 bits. How a product with weights of 16 bits is computed
// depends on the machine:
//  - kPaired: the rows are rounded to bfloat16, and an instruction of AVX512-BF16 sums pairs of products in
//    float32 (bfloat16_product.h). The result is float32.
//  - kWidened: a block of the weights is converted to float32 and multiplied in float32. No activation is
//    rounded, and only the conversion reads the weights: half the bytes of float32.
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
  kWidened,
};

// The kind of product for weights of this type on a processor with this /proc/cpuinfo. None rounds its result
// to 16 bits, as libtorch's products of 16 bits do: on a trained model that alone moves the NLL by 0.4 %.
// Processors with AMX have the instruction for pairs too, but with it they reach only half of what they reach
// in float32 (product_benchmark).
ProductKind product_kind(at::ScalarType weights, std::string_view cpuinfo);

// The layout of a weight matrix that products of this kind read.
WeightLayout layout_for(ProductKind kind);

// The type in which this machine multiplies with weights of this type: theirs, or float32 if they are
// widened.
at::ScalarType type_of_products(at::ScalarType weights);

// Rows that one product takes: with fewer the weights are read, or widened, too often.
std::int64_t rows_in_product(ProductKind kind);

// Part of the engine's instruction_set(), because results differ by it: "" of kPlain.
std::string name_of(ProductKind kind);

// Products of one thread, with the memory that they need in between.
class Products {
 public:
  explicit Products(ProductKind kind) : kind_(kind) {}

  // x: [n, in], out: [n, out], both contiguous, in the type of activations; weight: [in, out] in the layout
  // for the kind. An element of the result has the same bits whatever n is.
  void multiply(const at::Tensor& x, const at::Tensor& weight, at::Tensor out);
  void add_product(const at::Tensor& x, const at::Tensor& weight, at::Tensor out);  // out += x * weight

 private:
  void on_panels(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out, ProductGoes where);

  ProductKind kind_;
  BlockScratch<float> block_;
  BlockScratch<double> wide_block_;
  PairScratch pairs_;
};

}  // namespace kvcompare
