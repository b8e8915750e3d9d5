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

// x / rms(x) * weight; x and out may be the same.
template <class T>
void rms_norm(const T* x, const T* weight, std::int64_t n, double epsilon, T* out) {
  double squares = 0;
  for (std::int64_t c = 0; c < n; ++c) squares += std::pow(static_cast<double>(x[c]), 2);
  const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + epsilon);
  for (std::int64_t c = 0; c < n; ++c)
    out[c] = rounded<T>(static_cast<double>(rounded<T>(static_cast<double>(x[c]) * scale)) *
                        static_cast<double>(weight[c]));
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
void decoder_kernel_reference(const AddRmsNorm<T>& task) {
  for (std::int64_t r = 0; r < task.n_rows; ++r) {
    auto* x = task.x + r * task.d_model;
    for (std::int64_t c = 0; task.delta && c < task.d_model; ++c)
      x[c] = rounded<T>(static_cast<double>(x[c]) + static_cast<double>(task.delta[r * task.d_model + c]));
    if (task.out) rms_norm(x, task.weight, task.d_model, task.epsilon, task.out + r * task.d_model);
  }
}

template <class T>
void decoder_kernel_reference(const RotateHeads<T>& task) {
  const auto n_heads = task.n_heads + task.n_kv_heads, half = task.d_head / 2;
  for (std::int64_t i = 0; i < task.n_tokens; ++i)
    for (std::int64_t h = 0; h < n_heads; ++h) {
      auto* x = task.heads + i * task.stride + h * task.d_head;
      if (const auto* weight = h < task.n_heads ? task.q_norm : task.k_norm)
        rms_norm(x, weight, task.d_head, task.epsilon, x);
      auto* out = task.rotated + (i * n_heads + h) * task.d_head;
      for (std::int64_t c = 0; c < half; ++c) {
        const double a = static_cast<double>(x[c]), b = static_cast<double>(x[c + half]);
        const double cos = task.cos[i * half + c], sin = task.sin[i * half + c];
        out[c] = rounded<T>(a * cos - b * sin);
        out[c + half] = rounded<T>(b * cos + a * sin);
      }
    }
}

template <class T>
void decoder_kernel_reference(const SiluMultiply<T>& task) {
  for (std::int64_t r = 0; r < task.n_rows; ++r)
    for (std::int64_t c = 0; c < task.d_ff; ++c) {
      const double gate = static_cast<double>(task.gate_up[r * 2 * task.d_ff + c]);
      const double up = static_cast<double>(task.gate_up[(r * 2 + 1) * task.d_ff + c]);
      const double silu = static_cast<double>(rounded<T>(gate / (1 + std::exp(-gate))));
      task.out[r * task.d_ff + c] = rounded<T>(silu * up);
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
  template void decoder_kernel_reference(const AddRmsNorm<T>&);   \
  template void decoder_kernel_reference(const RotateHeads<T>&);  \
  template void decoder_kernel_reference(const SiluMultiply<T>&); \
  template void decoder_kernel_reference(const CrossEntropy<T>&); \
  template void decoder_kernel_reference(const CompareRows<T>&);
KVCOMPARE_DECODER_REFERENCES(float)
KVCOMPARE_DECODER_REFERENCES(c10::Half)
KVCOMPARE_DECODER_REFERENCES(c10::BFloat16)

}  // namespace kvcompare
