// What a decoder does to single rows besides matrix products, in CPU memory, by Google Highway. T: float or
// double; all in T.
#pragma once

#include <cstddef>
#include <limits>

namespace kvcompare {

// RMSNorm, arXiv 1910.07467. x, weight, out: [n]; out may be x.
void rms_norm_row(const float* x, const float* weight, double eps, std::size_t n, float* out);
void rms_norm_row(const double* x, const double* weight, double eps, std::size_t n, double* out);

// RoPE of one head at one position, channel c paired with c + n_pairs. x, out: [2 * n_pairs], apart or the
// same; cos, sin: [n_pairs].
void rotate_row(const float* x, const float* cos, const float* sin, std::size_t n_pairs, float* out);
void rotate_row(const double* x, const double* cos, const double* sin, std::size_t n_pairs, double* out);

// out = silu(gate) * up; [n] each; out may be gate.
void silu_mul_row(const float* gate, const float* up, std::size_t n, float* out);
void silu_mul_row(const double* gate, const double* up, std::size_t n, double* out);

// Whether all n numbers are finite.
bool all_finite(const float* x, std::size_t n);
bool all_finite(const double* x, std::size_t n);

// log of a sum of exponentials that comes in blocks.
struct LogSumExp {
  double max = -std::numeric_limits<double>::infinity();
  double sum = 0;  // of exp(x - max)

  double value() const;
};
// Not finite as soon as one x is not.
void add_block(const float* x, std::size_t n, LogSumExp& total);
void add_block(const double* x, std::size_t n, LogSumExp& total);

}  // namespace kvcompare
