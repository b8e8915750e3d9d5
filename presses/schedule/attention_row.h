// Rows of the attention that a schedule follows, by Google Highway.
#pragma once

#include <cstddef>
#include <span>

namespace kvcompare {

// received[j] += softmax over j of (logits[j] + bias[j]); a bias of -infinity takes a key out.
//   logits : [n], overwritten
//   bias   : [n]; at least one is 0
void add_attention_row(std::span<float> logits, std::span<const float> bias, std::span<double> received);
void add_attention_row(std::span<double> logits, std::span<const double> bias, std::span<double> received);

// x[j] = exp(x[j] - the highest), 0 where that would be far below what a sum notices (simd-inl.h). Returns
// the highest; -infinity if x is empty.
float exponentials(std::span<float> x);
double exponentials(std::span<double> x);

// Sum over j of x[j] is_alive[j]; is_alive is 1 or 0.
float sum_of_alive(std::span<const float> x, std::span<const float> is_alive);
double sum_of_alive(std::span<const double> x, std::span<const double> is_alive);

// What the query heads of a group gave to the same keys, a row each, up to a factor a tile of `tile` keys.
template <class T>
struct TiledRows {
  const T* first;
  std::size_t stride;
  std::size_t group;
  std::size_t tile;
};

// received[j] += is_alive[j] * sum over g of scales[j / tile][g] * row g[j], for all j of is_alive
//   scales : [n_tiles, group]
template <class T>
void add_scaled_rows(const TiledRows<T>& rows, std::span<const T> scales, std::span<const T> is_alive,
                     std::span<double> received);

}  // namespace kvcompare
