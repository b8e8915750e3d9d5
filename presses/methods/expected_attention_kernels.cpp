#include "presses/methods/expected_attention_kernels.h"

#include <cmath>
#include <cstdint>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "presses/methods/expected_attention_kernels.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>

#include "presses/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {
using D = hn::ScalableTag<double>;

void add_query(const double* q, std::size_t d_head, double n, double* deviation, double* mean,
               double* scatter) {
  const D d;
  const auto h = d_head / 2;
  for (std::size_t c = 0; c < d_head; ++c) deviation[c] = q[c] - mean[c];
  for (std::size_t c = 0; c < d_head; ++c) mean[c] += deviation[c] / n;
  const auto weight = (n - 1) / n;
  for (std::size_t a = 0; a < h; ++a) {
    const auto length = h - a;
    const auto upper = hn::Set(d, weight * deviation[a]), lower = hn::Set(d, weight * deviation[a + h]);
    for_each_vector(d, length, [&](std::size_t i, auto lanes) {
      const auto add = [&](double* row, auto x, auto y) {
        store(hn::MulAdd(x, y, load(lanes, d, row + i)), lanes, d, row + i);
      };
      const auto y0 = load(lanes, d, deviation + a + i);
      const auto y1 = load(lanes, d, deviation + a + h + i);
      add(scatter, upper, y0);
      add(scatter + length, upper, y1);
      add(scatter + 2 * length, lower, y0);
      add(scatter + 3 * length, lower, y1);
    });
    scatter += 4 * length;
  }
}

void rotate_covariance(const double* scatter, std::size_t d_head, double factor, const double* cos,
                       const double* sin, double* rotated) {
  const D d;
  const auto h = d_head / 2;
  for (std::size_t a = 0; a < h; ++a) {
    const auto length = h - a;
    const auto ca = hn::Set(d, 2 * factor * cos[a]), sa = hn::Set(d, 2 * factor * sin[a]);
    for_each_vector(d, length, [&](std::size_t i, auto lanes) {
      const auto entry = [&](std::size_t row) { return load(lanes, d, scatter + row * length + i); };
      const auto put = [&](std::size_t row, auto x) { store(x, lanes, d, rotated + row * length + i); };
      const auto m00 = entry(0), m01 = entry(1), m10 = entry(2), m11 = entry(3);
      const auto t00 = hn::NegMulAdd(sa, m10, hn::Mul(ca, m00)),
                 t01 = hn::NegMulAdd(sa, m11, hn::Mul(ca, m01));
      const auto t10 = hn::MulAdd(sa, m00, hn::Mul(ca, m10)), t11 = hn::MulAdd(sa, m01, hn::Mul(ca, m11));
      const auto cb = load(lanes, d, cos + a + i), sb = load(lanes, d, sin + a + i);
      put(0, hn::NegMulAdd(t01, sb, hn::Mul(t00, cb)));
      put(1, hn::MulAdd(t00, sb, hn::Mul(t01, cb)));
      put(2, hn::NegMulAdd(t11, sb, hn::Mul(t10, cb)));
      put(3, hn::MulAdd(t10, sb, hn::Mul(t11, cb)));
    });
    for (std::size_t row = 0; row < 4; ++row) rotated[row * length] /= 2;  // b = a: counted once
    scatter += 4 * length;
    rotated += 4 * length;
  }
}

template <class T>
void key_products(const T* k, std::size_t d_head, T* products) {
  const hn::ScalableTag<T> d;
  const auto h = d_head / 2;
  for (std::size_t a = 0; a < h; ++a) {
    const auto length = h - a;
    const auto x0 = hn::Set(d, k[a]), x1 = hn::Set(d, k[a + h]);
    for_each_vector(d, length, [&](std::size_t i, auto lanes) {
      const auto y0 = load(lanes, d, k + a + i), y1 = load(lanes, d, k + a + h + i);
      store(hn::Mul(x0, y0), lanes, d, products + i);
      store(hn::Mul(x0, y1), lanes, d, products + length + i);
      store(hn::Mul(x1, y0), lanes, d, products + 2 * length + i);
      store(hn::Mul(x1, y1), lanes, d, products + 3 * length + i);
    });
    products += 4 * length;
  }
}

// z -= log-sum-exp of z
template <class T>
void log_softmax(T* z, std::size_t n) {
  const hn::ScalableTag<T> d;
  auto highest = hn::Set(d, -std::numeric_limits<T>::infinity());
  const auto lowest = highest;
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    highest = hn::Max(highest, inside_or(d, load(lanes, d, z + i), lanes, lowest));
  });
  const auto max = hn::MaxOfLanes(d, highest);
  auto sum = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    sum = hn::Add(
        sum, inside_or(d, exp_of_difference(d, hn::Sub(load(lanes, d, z + i), max)), lanes, hn::Zero(d)));
  });
  const auto total = hn::Set(d, hn::GetLane(max) + std::log(hn::GetLane(hn::SumOfLanes(d, sum))));
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    store(hn::Sub(load(lanes, d, z + i), total), lanes, d, z + i);
  });
}

template <class T>
void log_mean_softmax(T* z, std::size_t n_heads, std::size_t n, T* scores) {
  const hn::ScalableTag<T> d;
  for (std::size_t head = 0; head < n_heads; ++head) log_softmax(z + head * n, n);
  const auto log_heads = hn::Set(d, static_cast<T>(std::log(static_cast<double>(n_heads))));
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    auto score = load(lanes, d, z + i);
    if (n_heads > 1) {
      auto highest = score;
      for (std::size_t head = 1; head < n_heads; ++head)
        highest = hn::Max(highest, load(lanes, d, z + head * n + i));
      auto sum = hn::Zero(d);
      for (std::size_t head = 0; head < n_heads; ++head)
        sum = hn::Add(sum, exp_of_difference(d, hn::Sub(load(lanes, d, z + head * n + i), highest)));
      const auto mean = hn::Sub(hn::Add(highest, hn::Log(d, sum)), log_heads);
      score = hn::IfThenElse(hn::Eq(sum, sum), mean, sum);  // Highway's Log knows no NaN
    }
    store(score, lanes, d, scores + i);
  });
}

void key_products_float(const float* k, std::size_t d_head, float* products) {
  key_products(k, d_head, products);
}
void key_products_double(const double* k, std::size_t d_head, double* products) {
  key_products(k, d_head, products);
}
void log_mean_softmax_float(float* z, std::size_t n_heads, std::size_t n, float* scores) {
  log_mean_softmax(z, n_heads, n, scores);
}
void log_mean_softmax_double(double* z, std::size_t n_heads, std::size_t n, double* scores) {
  log_mean_softmax(z, n_heads, n, scores);
}

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <vector>

namespace kvcompare {
HWY_EXPORT(add_query);
HWY_EXPORT(rotate_covariance);
HWY_EXPORT(key_products_float);
HWY_EXPORT(key_products_double);
HWY_EXPORT(log_mean_softmax_float);
HWY_EXPORT(log_mean_softmax_double);

void add_query(std::span<const double> q, double n, std::span<double> mean, std::span<double> scatter) {
  thread_local std::vector<double> deviation;
  deviation.resize(q.size());
  HWY_DYNAMIC_DISPATCH(add_query)(q.data(), q.size(), n, deviation.data(), mean.data(), scatter.data());
}

void rotate_covariance(std::span<const double> scatter, double factor, std::span<const double> cos,
                       std::span<const double> sin, std::span<double> rotated) {
  HWY_DYNAMIC_DISPATCH(rotate_covariance)
  (scatter.data(), 2 * cos.size(), factor, cos.data(), sin.data(), rotated.data());
}

void key_products(std::span<const float> k, std::span<float> products) {
  HWY_DYNAMIC_DISPATCH(key_products_float)(k.data(), k.size(), products.data());
}
void key_products(std::span<const double> k, std::span<double> products) {
  HWY_DYNAMIC_DISPATCH(key_products_double)(k.data(), k.size(), products.data());
}

void log_mean_softmax(std::span<float> z, std::size_t n_heads, std::span<double> scores) {
  HWY_DYNAMIC_DISPATCH(log_mean_softmax_float)(z.data(), n_heads, scores.size(), z.data());
  std::copy_n(z.begin(), scores.size(), scores.begin());
}
void log_mean_softmax(std::span<double> z, std::size_t n_heads, std::span<double> scores) {
  HWY_DYNAMIC_DISPATCH(log_mean_softmax_double)(z.data(), n_heads, scores.size(), scores.data());
}

}  // namespace kvcompare
#endif
