#include "worker/kernels/interval_attention_kernel.h"

#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "worker/kernels/emulation.h"

namespace kvcompare {
namespace {

struct Shape {
  std::int64_t n_tokens, n_heads, n_kv_heads, d_head;
};

// One layer in the layout of the engine: q, k and v of a token side by side.
template <class T>
struct Layer {
  Layer(const Shape& of, unsigned seed) : shape(of), stride((of.n_heads + 2 * of.n_kv_heads) * of.d_head) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal(0, 2);
    qkv.resize(static_cast<std::size_t>(shape.n_tokens * stride));
    for (auto& value : qkv) value = static_cast<T>(normal(generator));
    until.resize(static_cast<std::size_t>(shape.n_kv_heads * shape.n_tokens));
    for (std::int64_t h = 0; h < shape.n_kv_heads; ++h)
      for (std::int64_t j = 0; j < shape.n_tokens; ++j)  // seed 0: nothing dies
        until[static_cast<std::size_t>(h * shape.n_tokens + j)] = static_cast<std::int32_t>(
            seed == 0 ? shape.n_tokens
                      : j + 1 + static_cast<std::int64_t>(generator() % (shape.n_tokens - j)));
  }

  std::vector<T> attend() const {
    std::vector<T> out(static_cast<std::size_t>(shape.n_tokens * shape.n_heads * shape.d_head));
    const auto q = shape.n_heads * shape.d_head, kv = shape.n_kv_heads * shape.d_head;
    interval_attention_kernel(
        IntervalAttention<T>{qkv.data(), qkv.data() + q, qkv.data() + q + kv, stride, stride, stride,
                             out.data(), q, until.data(), shape.n_tokens, shape.n_heads, shape.n_kv_heads,
                             shape.d_head},
        nullptr);
    return out;
  }

  // By the definition, in double.
  double expected(std::int64_t i, std::int64_t h, std::int64_t c) const {
    const auto kv = h / (shape.n_heads / shape.n_kv_heads), d = shape.d_head;
    const auto at = [&](std::int64_t token, std::int64_t head, std::int64_t channel) {
      return static_cast<double>(qkv[static_cast<std::size_t>(token * stride + head * d + channel)]);
    };
    double sum = 0, weighted = 0;
    for (std::int64_t j = 0; j <= i; ++j) {
      if (until[static_cast<std::size_t>(kv * shape.n_tokens + j)] <= i) continue;
      double logit = 0;
      for (std::int64_t x = 0; x < d; ++x) logit += at(i, h, x) * at(j, shape.n_heads + kv, x);
      const double weight = std::exp(logit / std::sqrt(static_cast<double>(d)));
      sum += weight;
      weighted += weight * at(j, shape.n_heads + shape.n_kv_heads + kv, c);
    }
    return weighted / sum;
  }

  const Shape shape;
  const std::int64_t stride;
  std::vector<T> qkv;
  std::vector<std::int32_t> until;
};

template <class T>
class IntervalAttentionKernel : public testing::Test {};
using Types = testing::Types<float, c10::Half, c10::BFloat16>;
TYPED_TEST_SUITE(IntervalAttentionKernel, Types);

TYPED_TEST(IntervalAttentionKernel, SeesWhatIsAlive) {
  using T = TypeParam;
  const double tolerance = std::is_same_v<T, float> ? 1e-5 : std::is_same_v<T, c10::Half> ? 4e-3 : 3e-2;
  unsigned seed = 0;
  for (const auto& shape : {Shape{1, 1, 1, 2}, Shape{33, 2, 1, 64}, Shape{64, 4, 2, 12}, Shape{70, 7, 1, 80},
                            Shape{65, 3, 3, 128}, Shape{40, 2, 2, 256}})
    for (const unsigned s : {0U, ++seed}) {
      const Layer<T> layer(shape, s);
      const auto out = layer.attend();
      for (std::int64_t i = 0; i < shape.n_tokens; i += 3)
        for (std::int64_t h = 0; h < shape.n_heads; ++h)
          for (std::int64_t c = 0; c < shape.d_head; c += 5)
            ASSERT_NEAR(
                static_cast<float>(out[static_cast<std::size_t>((i * shape.n_heads + h) * shape.d_head + c)]),
                layer.expected(i, h, c), tolerance)
                << shape.n_tokens << " tokens, head size " << shape.d_head << ": " << i << ' ' << h << ' '
                << c;
    }
}

TEST(IntervalAttentionKernelSizes, RefusesAHeadThatIsTooLarge) {
  EXPECT_THROW((Layer<float>({1, 1, 1, 258}, 0).attend()), std::invalid_argument);
}

}  // namespace
}  // namespace kvcompare
