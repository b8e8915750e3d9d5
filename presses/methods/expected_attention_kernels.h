// The inner loops of expected_attention over a whole sequence, by Google Highway (the best instruction set of
// the machine is chosen at run time). Statistics of queries are float64; keys and forms have the precision of
// the scores.
//
// A symmetric matrix S of d_head channels, and the products k_i k_j of a key with itself, are held as the
// pairs that a rotation acts on: with h = d_head / 2, for a = 0 ... h-1 four rows of h - a numbers each,
//   S[a][b], S[a][b+h], S[a+h][b], S[a+h][b+h]   for b = a ... h-1.
// With the weight 2 for b > a, which rotate_covariance puts on the matrix, k^T S k is the dot product of the
// two.
#pragma once

#include <cstddef>
#include <span>

namespace kvcompare {

constexpr std::size_t n_pair_products(std::size_t d_head) { return d_head * (d_head + 2) / 2; }

// Adds the n-th query (counted from 1) to the mean [d_head] and the sum of outer products of deviations from
// it. Welford, so nothing is subtracted that has grown large. scatter: [n_pair_products].
void add_query(std::span<const double> q, double n, std::span<double> mean, std::span<double> scatter);

// factor * R S R^T with the rotation's cos and sin of each pair [d_head / 2], weighted as said above.
void rotate_covariance(std::span<const double> scatter, double factor, std::span<const double> cos,
                       std::span<const double> sin, std::span<double> rotated);

// products: [n_pair_products]
void key_products(std::span<const float> k, std::span<float> products);
void key_products(std::span<const double> k, std::span<double> products);

// scores[j] = log(mean over the heads of softmax over j of z[head][j]), in the log domain throughout, with
// the precision of z.
//   z      : [n_heads, n], overwritten
//   scores : [n]
void log_mean_softmax(std::span<float> z, std::size_t n_heads, std::span<double> scores);
void log_mean_softmax(std::span<double> z, std::size_t n_heads, std::span<double> scores);

}  // namespace kvcompare
