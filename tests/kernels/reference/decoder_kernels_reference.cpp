#include "tests/kernels/reference/decoder_kernels_reference.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

namespace kvcompare {
namespace {

template <class T>
T rounded(double value) {
  return static_cast<T>(static_cast<float>(value));
}

// x / rms(x) * (offset + weight); x and out may be the same. Without an offset it rounds in between.
template <class T>
void rms_norm(const T* x, const T* weight, std::int64_t n, double epsilon, double offset, T* out) {
  double squares = 0;
  for (std::int64_t c = 0; c < n; ++c) squares += std::pow(static_cast<double>(x[c]), 2);
  const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + epsilon);
  for (std::int64_t c = 0; c < n; ++c) {
    const double normed = static_cast<double>(x[c]) * scale;
    out[c] = rounded<T>((offset == 0 ? static_cast<double>(rounded<T>(normed)) : normed) *
                        (offset + static_cast<double>(weight[c])));
  }
}

template <class T>
void layer_norm(const AddNorm<T>& task, const T* x, T* out) {
  const auto n = static_cast<double>(task.d_model);
  double mean = 0, variance = 0;
  for (std::int64_t c = 0; c < task.d_model; ++c) mean += static_cast<double>(x[c]) / n;
  for (std::int64_t c = 0; c < task.d_model; ++c)
    variance += std::pow(static_cast<double>(x[c]) - mean, 2) / n;
  for (std::int64_t c = 0; c < task.d_model; ++c)
    out[c] = rounded<T>((static_cast<double>(x[c]) - mean) / std::sqrt(variance + task.epsilon) *
                            (task.offset + static_cast<double>(task.weight[c])) +
                        (task.bias ? static_cast<double>(task.bias[c]) : 0));
}

// As the papers define them.
double gating(GatingFunction function, double x, const double* p) {
  switch (function) {
    case GatingFunction::kSilu:
      return x / (1 + std::exp(-x));
    case GatingFunction::kSquaredRelu:
      return std::pow(std::fmax(x, 0), 2);
    case GatingFunction::kGeluTanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * std::pow(x, 3))));
    case GatingFunction::kXielu:
      break;
    case GatingFunction::kClampedSwiglu:  // of x that is clamped
      return x / (1 + std::exp(-p[0] * x));
  }
  const double alpha_p = std::log(1 + std::exp(p[0])), alpha_n = p[2] + std::log(1 + std::exp(p[1]));
  if (x > 0) return alpha_p * x * x + p[2] * x;
  return (std::expm1(std::fmin(x, p[3])) - x) * alpha_n + p[2] * x;
}

template <class T>
std::vector<double> log_probabilities(const T* logits, std::int64_t vocab) {
  const auto largest = static_cast<double>(*std::max_element(logits, logits + vocab));
  double sum = 0;
  for (std::int64_t c = 0; c < vocab; ++c) sum += std::exp(static_cast<double>(logits[c]) - largest);
  std::vector<double> log_p;
  for (std::int64_t c = 0; c < vocab; ++c)
    log_p.push_back(static_cast<double>(logits[c]) - largest - std::log(sum));
  return log_p;
}

}  // namespace

template <class T>
void decoder_kernel_reference(const AddNorm<T>& task) {
  for (std::int64_t r = 0; r < task.n_rows; ++r) {
    auto* x = task.x + r * task.x_stride;
    for (std::int64_t c = 0; task.delta && c < task.d_model; ++c)
      x[c] = rounded<T>(static_cast<double>(x[c]) +
                        task.multiplier * static_cast<double>(task.delta[r * task.d_model + c]));
    if (!task.out) continue;
    auto* out = task.out + r * task.out_stride;
    if (task.is_centred)
      layer_norm(task, x, out);
    else
      rms_norm(x, task.weight, task.d_model, task.epsilon, task.offset, out);
  }
}

template <class T>
void decoder_kernel_reference(const RotateHeads<T>& task) {
  const auto n_heads = task.n_heads + task.n_kv_heads, half = task.d_head / 2;
  for (std::int64_t i = 0; i < task.n_tokens; ++i)
    for (std::int64_t h = 0; h < n_heads; ++h) {
      auto* x = task.heads + i * task.stride + h * task.d_head;
      if (const auto* weight = h < task.n_heads ? task.q_norm : task.k_norm)
        rms_norm(x, weight, task.d_head, task.epsilon, task.offset, x);
      auto* out = task.rotated + (i * n_heads + h) * task.d_head;
      for (std::int64_t c = 0; c < half; ++c) {
        const double a = static_cast<double>(x[c]), b = static_cast<double>(x[c + half]);
        const double cos = (h < task.n_heads ? task.q_cos : task.k_cos)[i * half + c];
        const double sin = (h < task.n_heads ? task.q_sin : task.k_sin)[i * half + c];
        out[c] = rounded<T>(a * cos - b * sin);
        out[c + half] = rounded<T>(b * cos + a * sin);
      }
    }
}

template <class T>
void decoder_kernel_reference(const Gating<T>& task) {
  double p[4] = {};
  for (int i = 0; task.parameters && i < 4; ++i) p[i] = static_cast<double>(task.parameters[i]);
  const bool is_clamped = task.function == GatingFunction::kClampedSwiglu;
  const auto limit = static_cast<double>(task.limit);
  if (is_clamped) p[0] = static_cast<double>(task.alpha);
  const auto n_parts = task.is_gated ? 2 : 1;
  for (std::int64_t r = 0; r < task.n_rows; ++r)
    for (std::int64_t c = 0; c < task.d_ff; ++c) {
      const auto* parts = task.gate_up + r * n_parts * task.d_ff + c;
      auto x = static_cast<double>(parts[0]), up = task.is_gated ? static_cast<double>(parts[task.d_ff]) : 1;
      if (is_clamped) {
        x = std::fmin(x, limit);
        up = 1 + std::clamp(up, -limit, limit);
      }
      const auto gate = rounded<T>(gating(task.function, x, p));
      task.out[r * task.d_ff + c] = task.is_gated ? rounded<T>(static_cast<double>(gate) * up) : gate;
    }
}

template <class T>
void decoder_kernel_reference(const CrossEntropy<T>& task) {
  for (std::int64_t r = 0; r < task.n_rows; ++r) {
    const auto* logits = task.logits + r * task.vocab;
    task.nll[r] = static_cast<float>(-log_probabilities(logits, task.vocab)[task.targets[r]]);
    task.top1[r] = static_cast<std::int32_t>(std::max_element(logits, logits + task.vocab) - logits);
  }
}

template <class T>
void decoder_kernel_reference(const CompareRows<T>& task) {
  for (std::int64_t r = 0; r < task.n_rows; ++r) {
    const auto log_p = log_probabilities(task.logits + r * task.vocab, task.vocab);
    const auto log_p0 = log_probabilities(task.reference + r * task.vocab, task.vocab);
    double kl = 0, acceptance = 0;
    for (std::size_t c = 0; c < log_p.size(); ++c) {
      kl += std::exp(log_p0[c]) * (log_p0[c] - log_p[c]);
      acceptance += std::exp(std::min(log_p[c], log_p0[c]));
    }
    task.kl[r] = static_cast<float>(kl);
    task.acceptance[r] = static_cast<float>(acceptance);
  }
}

#define KVCOMPARE_DECODER_REFERENCES(T)                           \
  template void decoder_kernel_reference(const AddNorm<T>&);      \
  template void decoder_kernel_reference(const RotateHeads<T>&);  \
  template void decoder_kernel_reference(const Gating<T>&);       \
  template void decoder_kernel_reference(const CrossEntropy<T>&); \
  template void decoder_kernel_reference(const CompareRows<T>&);
KVCOMPARE_DECODER_REFERENCES(float)
KVCOMPARE_DECODER_REFERENCES(c10::Half)
KVCOMPARE_DECODER_REFERENCES(c10::BFloat16)

}  // namespace kvcompare
