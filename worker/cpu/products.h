// Matrix products of the CPU engine: rows of activations times a weight matrix. Activations are float32 (or
// float64); weights are of the same type, or of 16 bits. How a product with weights of 16 bits is computed
// depends on the machine:
//  - kNarrow: the rows are rounded to the weights' type, and libtorch multiplies in that type: oneDNN, with
//    sums in float32, on units made for it (AMX, AVX512-BF16, AVX512-FP16). The result is rounded to 16 bits.
//  - kWidened: a block of columns of the weights is converted to float32, and libtorch multiplies in float32.
//    Nothing is rounded to 16 bits, and only the conversion reads the weights: half the bytes of float32.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

namespace kvcompare {

enum class ProductKind {
  kPlain,  // weights are float32 or float64
  kNarrow,
  kWidened,
};

// The faster kind of product for weights of this type on a processor with this /proc/cpuinfo. libtorch's
// narrow products are slower than its float32 ones where the processor has no instructions for them.
ProductKind product_kind(at::ScalarType weights, std::string_view cpuinfo);

// The kind for the head. The result of a narrow product has the weights' type, and logits rounded to float16
// would change the NLL of a short sample by more than float16 changes it elsewhere.
ProductKind product_kind_of_head(ProductKind kind, at::ScalarType weights);

// The type in which this machine multiplies with weights of this type: theirs, or float32 if they are
// widened.
at::ScalarType type_of_products(at::ScalarType weights);

// Rows that one product takes: fewer leave the processor's matrix units idle.
std::int64_t rows_in_product(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo);

// Part of the engine's instruction_set(), because results differ by it: "" of kPlain.
std::string name_of(ProductKind kind, at::ScalarType weights, std::string_view cpuinfo);

// Products of one thread, with the memory that they need in between.
class Products {
 public:
  //   weights             : their type
  //   max_rows            : of activations
  //   max_in, max_out     : of a weight matrix
  Products(ProductKind kind, at::ScalarType weights, std::int64_t max_rows, std::int64_t max_in,
           std::int64_t max_out);

  // x: [n, in], out: [n, out], both contiguous; weight: [in, out], contiguous.
  void multiply(const at::Tensor& x, const at::Tensor& weight, at::Tensor out);
  void add_product(const at::Tensor& x, const at::Tensor& weight, at::Tensor out);  // out += x * weight

 private:
  at::Tensor narrow_product(const at::Tensor& x, const at::Tensor& weight);
  template <class Multiply>
  void by_widened_blocks(const at::Tensor& weight, const at::Tensor& out, const Multiply& multiply);

  ProductKind kind_;
  at::Tensor x_, product_;  // kNarrow: 16 bits, flat
  at::Tensor widened_;      // kWidened: float32, flat
};

}  // namespace kvcompare
