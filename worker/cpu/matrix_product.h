// Rows of activations times a weight matrix in panels (weight_panels.h), on one thread, by Google Highway.
//
// An element of the result is a sum in the order of the matrix's rows: the rows of a block are added up in a
// register, and the sums of the blocks are added one after the other. So an element has the same bits
// whatever other rows of activations are computed in the same call. Instruction sets round differently.
#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "worker/cpu/aligned_vector.h"

namespace kvcompare {

// T: float or double. Weight: T, or a type of 16 bits if T is float.
template <class T, class Weight = T>
struct MatrixProduct {
  std::int64_t n_rows = 0, n_in = 0, n_out = 0;
  const T* x = nullptr;             // [n_rows, n_in]
  const Weight* weights = nullptr;  // [n_in, n_out] in panels
  T* out = nullptr;                 // [n_rows, n_out]
};

enum class ProductGoes {
  kToOut,    // out = x * weights
  kOntoOut,  // out += x * weights
};

// A block of a panel, as the inner loop reads it; kept from product to product.
template <class T>
using BlockScratch = AlignedVector<T>;

void multiply(const MatrixProduct<float>& product, ProductGoes where, BlockScratch<float>& scratch);
void multiply(const MatrixProduct<double>& product, ProductGoes where, BlockScratch<double>& scratch);

// Every block of the weights is converted to float32 before it is multiplied.
void multiply(const MatrixProduct<float, c10::BFloat16>& product, ProductGoes where,
              BlockScratch<float>& scratch);
void multiply(const MatrixProduct<float, c10::Half>& product, ProductGoes where,
              BlockScratch<float>& scratch);

}  // namespace kvcompare
