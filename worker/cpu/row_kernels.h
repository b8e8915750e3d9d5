// What a decoder does to single rows besides matrix products, in CPU memory, by Google Highway. T: float or
// double; all in T.
#pragma once

#include <cstddef>
#include <limits>

#include "worker/model/activation.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// RMSNorm, arXiv 1910.07467. x, weight, out: [n]; out may be x.
void rms_norm_row(const float* x, const float* weight, double eps, std::size_t n, float* out);
void rms_norm_row(const double* x, const double* weight, double eps, std::size_t n, double* out);

// LayerNorm, arXiv 1607.06450. bias: [n], or null.
void layer_norm_row(const float* x, const float* weight, const float* bias, double eps, std::size_t n,
                    float* out);
void layer_norm_row(const double* x, const double* weight, const double* bias, double eps, std::size_t n,
                    double* out);

// RoPE of one head at one position, channel c paired with c + n_pairs. x, out: [2 * n_pairs], apart or the
// same; cos, sin: [n_pairs].
void rotate_row(const float* x, const float* cos, const float* sin, std::size_t n_pairs, float* out);
void rotate_row(const double* x, const double* cos, const double* sin, std::size_t n_pairs, double* out);

// out = activation(x) * up, or activation(x) if up is null; [n] each; out may be x.
struct RowGating {
  Activation activation = Activation::kSilu;
  XieluParameters xielu{};  // of Activation::kXielu
  SwigluClamp clamp{};      // of Activation::kClampedSwiglu, which needs `up`
};
void gate_row(const RowGating& gating, const float* x, const float* up, std::size_t n, float* out);
void gate_row(const RowGating& gating, const double* x, const double* up, std::size_t n, double* out);

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
