// Arithmetic on single rows of attention weights, for schedules that follow the attention really given. SIMD
// code by Google Highway.
#pragma once

#include <cstddef>
#include <span>

namespace kvcompare {

// received[j] += softmax over j of (logits[j] + bias[j]). A bias of -infinity excludes the key.
//   logits : [n], overwritten
//   bias   : [n]; at least one is 0
void add_attention_row(std::span<float> logits, std::span<const float> bias, std::span<double> received);
void add_attention_row(std::span<double> logits, std::span<const double> bias, std::span<double> received);

// Replaces x[j] by exp(x[j] - max), where max is the largest of x. The result is 0 where it would be too
// small to change a sum (simd-inl.h). Returns max; -infinity if x is empty.
float exponentials(std::span<float> x);
double exponentials(std::span<double> x);

// Returns the sum over j of x[j] * is_alive[j]. is_alive holds 1 or 0.
float sum_of_alive(std::span<const float> x, std::span<const float> is_alive);
double sum_of_alive(std::span<const double> x, std::span<const double> is_alive);

// Attention weights of the query heads of a group for the same keys: one row a query head. The weights of a
// row still lack a factor, which is the same for all keys of a tile. A tile is `tile` consecutive keys.
template <class T>
struct TiledRows {
  const T* first;
  std::size_t stride;
  std::size_t group;
  std::size_t tile;
};

// received[j] += is_alive[j] * (sum over g of scales[j / tile][g] * row_g[j]), for every j that is_alive has
//   scales : [n_tiles, group]
template <class T>
void add_scaled_rows(const TiledRows<T>& rows, std::span<const T> scales, std::span<const T> is_alive,
                     std::span<double> received);

}  // namespace kvcompare
