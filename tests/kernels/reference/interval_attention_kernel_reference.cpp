#include "tests/kernels/reference/interval_attention_kernel_reference.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

namespace kvcompare {
namespace {

template <class T>
double dot(const T* a, const T* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t c = 0; c < n; ++c) sum += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  return sum;
}

// One query in one head.
template <class T>
void attend(const IntervalAttention<T>& task, std::int64_t i, std::int64_t head) {
  const auto d = task.d_head, kv_head = head / (task.n_heads / task.n_kv_heads);
  const auto* until = task.until + kv_head * task.n_tokens;
  std::vector<std::int64_t> keys;
  std::vector<double> weights;
  for (std::int64_t j = 0; j <= i; ++j) {
    if (i >= until[j]) continue;
    keys.push_back(j);
    weights.push_back(
        dot(task.q + i * task.q_stride + head * d, task.k + j * task.k_stride + kv_head * d, d) * task.scale);
    if (task.cap != 0) weights.back() = task.cap * std::tanh(weights.back() / task.cap);
  }
  double largest = *std::max_element(weights.begin(), weights.end()), sum = 0;
  if (task.sinks) {
    largest = std::max(largest, static_cast<double>(task.sinks[head]));
    sum = std::exp(static_cast<double>(task.sinks[head]) - largest);
  }
  for (auto& weight : weights) sum += weight = std::exp(weight - largest);
  for (std::int64_t c = 0; c < d; ++c) {
    double value = 0;
    for (std::size_t n = 0; n < keys.size(); ++n)
      value += weights[n] * static_cast<double>(task.v[keys[n] * task.v_stride + kv_head * d + c]);
    task.out[i * task.out_stride + head * d + c] = static_cast<T>(static_cast<float>(value / sum));
  }
}

}  // namespace

template <class T>
void interval_attention_kernel_reference(const IntervalAttention<T>& task) {
  for (std::int64_t i = 0; i < task.n_tokens; ++i)
    for (std::int64_t head = 0; head < task.n_heads; ++head) attend(task, i, head);
}

template void interval_attention_kernel_reference(const IntervalAttention<float>&);
template void interval_attention_kernel_reference(const IntervalAttention<c10::Half>&);
template void interval_attention_kernel_reference(const IntervalAttention<c10::BFloat16>&);

}  // namespace kvcompare
