#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/worker/gpu/kernels/drifting_layer.h"

namespace kvcompare::drifting {
namespace {

using naive::size;

class DriftingFeaturesKernel : public OnRandomLayers {};

// d = 2, tokens (1, 2), (3, 2), (2, 8) behind a sink, turned by a right angle: presses' kernels have the same
// numbers by hand (means (2, 2), (2, 4); scatters (2, 0; 0, 0), (2, 0; 0, 24)).
TEST_F(DriftingFeaturesKernel, MeanAndCovarianceByHand) {
  const KernelVector<float> q{9, 9, 1, 2, 3, 2, 2, 8};
  const KernelVector<std::int32_t> n{3, 4};
  const KernelVector<double> cos{0, 0}, sin{1, 1};
  const auto check = [&](auto run) {
    KernelVector<double> mean(2, kNan), scatter(4, kNan);
    KernelVector<float> features(12, kNan);
    run(QueryFeatures<float>{.shape = {1, 1, 2, 1, 6, 2},
                             .events = {nullptr, n.data(), nullptr, cos.data(), sin.data(), 2},
                             .q = q.data(),
                             .stride = 2,
                             .n_before = 0,
                             .n_after = 4,
                             .mean = nullptr,
                             .next_mean = mean.data(),
                             .scatter = scatter.data(),
                             .features = features.data()});
    // (x, y) becomes (-y, x); factor 1 / (2 d count) for the covariance, 1 / sqrt(d) for the mean.
    const auto root = std::sqrt(2.0);
    const Row expected{0, 0, 0, 2. / 8, -2 / root, 2 / root, 24. / 12, 0, 0, 2. / 12, -4 / root, 2 / root};
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(features[i], expected[i], 1e-6) << i;
    EXPECT_NEAR(mean[0], 2, 1e-14);
    EXPECT_NEAR(mean[1], 4, 1e-14);
    const Row expected_scatter{2, 0, 0, 24};
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(scatter[i], expected_scatter[i], 1e-13) << i;
  };
  check(Kernel());
  check(Reference());
}

// Features of queries and keys, with places that keys take as the plan says while any others die.
template <class T>
void expect_features_as_reference(const Shape& shape, std::mt19937_64& generator) {
  SCOPED_TRACE(to_text(shape));
  const Inputs<T> inputs(shape, generator);
  Layer<T> kernel(inputs), reversed(inputs), reference(inputs);
  const auto run = [&](const auto& work) {
    work(kernel, Kernel());
    work(reference, Reference());
    set_reverse_warps(true);
    work(reversed, Kernel());
    set_reverse_warps(false);
  };
  run([](auto& layer, auto run_task) { run_task(layer.start()); });
  const auto& actual = kernel.buffers();
  const auto& expected = reference.buffers();
  for (const auto& block : kernel.plan().blocks) {
    run([&](auto& layer, auto run_task) {
      run_task(layer.queries(block));
      std::swap(layer.buffers().mean, layer.buffers().next_mean);
      run_task(layer.keys(block));
    });
    for (std::size_t i = 0; i < expected.mean.size(); ++i)
      ASSERT_NEAR(actual.mean[i], expected.mean[i], 1e-13) << i;
    for (std::size_t i = 0; i < expected.scatter.size(); ++i)
      ASSERT_NEAR(actual.scatter[i], expected.scatter[i], 1e-11) << i;
    const auto n_rows = shape.n_heads * block.n_events;
    for (std::size_t i = 0; i < size(n_rows * kernel.n_features()); ++i)
      ASSERT_NEAR(actual.query_features[i], expected.query_features[i],
                  1e-6 * (1e-3 + std::abs(expected.query_features[i])))
          << i;
    ASSERT_EQ(bits_of(actual.key_features), bits_of(expected.key_features));
    ASSERT_EQ(actual.positions, expected.positions);
    for (std::size_t i = 0; i < expected.log_vnorm.size(); ++i)
      if (expected.positions[i] != kNoKey) {
        ASSERT_NEAR(actual.log_vnorm[i], expected.log_vnorm[i], 1e-6) << i;
      }
    expect_same_bits(reversed.buffers(), actual);
    for (auto i = kernel.plan().first_eviction[size(block.first_event)];
         i < kernel.plan().first_eviction[size(block.first_event + block.n_events)]; ++i)
      for (std::int64_t h = 0; h < shape.n_kv_heads; ++h) {
        auto place = (7 * i + h) % block.n_places;
        const auto of_head = [&](auto& layer) {
          return layer.buffers().positions.data() + h * layer.plan().capacity();
        };
        while (of_head(kernel)[place] == kNoKey) place = (place + 1) % block.n_places;
        for (auto* layer : {&kernel, &reversed, &reference}) {
          of_head(*layer)[place] = kNoKey;
          layer->buffers().evicted[size(h * layer->plan().n_evictions() + i)] =
              static_cast<std::int32_t>(place);
        }
      }
  }
}

TEST_F(DriftingFeaturesKernel, FeaturesAreThoseOfTheReference) {
  const std::vector<Shape> shapes{
      {1, 1, 2, 0, 40, 1, 0.5},   {2, 1, 8, 4, 300, 1, 0.5},   {4, 2, 16, 1, 70, 2, 0.3},
      {7, 1, 8, 3, 100, 8, 0.5},  {2, 2, 64, 4, 150, 64, 0.5}, {2, 1, 80, 2, 33, 3, 0.7},
      {2, 1, 128, 4, 37, 1, 0.4}, {1, 1, 256, 0, 20, 3, 0.5},  {8, 2, 64, 4, 60, 1, 0.5, false},
  };
  for (const auto& shape : shapes) {
    expect_features_as_reference<float>(shape, generator_);
    if (shape.d_head >= 80) continue;
    expect_features_as_reference<c10::Half>(shape, generator_);
    expect_features_as_reference<c10::BFloat16>(shape, generator_);
  }
}

// k^T S' k / (2 d) + k mu' / sqrt(d) by matrices of d x d and two passes over the queries.
Row logits_by_definition(const Inputs<float>& in, std::int64_t n, std::int64_t head, const Positions& keys) {
  const auto d = in.shape.d_head, half = d / 2, n_sink = in.shape.n_sink;
  const auto n_future = in.shape.parameters().n_future_positions;
  const auto count = static_cast<double>(n - n_sink);
  const auto q = [&](std::int64_t s, std::int64_t c) {
    return static_cast<double>(in.q()[s * in.qkv_stride() + head * d + c]);
  };
  Row mean(size(d), 0);
  for (std::int64_t c = 0; c < d; ++c)
    for (auto s = n_sink; s < n; ++s) mean[size(c)] += q(s, c) / count;
  // z = average over queries of (k^T R (q - mean))^2 / (2 d) + k^T R mean / sqrt(d)
  Row z;
  for (const auto j : keys) {
    Row turned(size(d), 0);  // R^T k
    for (auto p = n; p < n + n_future; ++p)
      for (std::int64_t c = 0; c < half; ++c) {
        const auto angle = static_cast<double>(p) * in.frequencies[size(c)];
        const auto* k = in.k() + j * in.rotated_stride() + head / in.shape.group() * d;
        const double x = k[c], y = k[c + half];
        turned[size(c)] += (x * std::cos(angle) + y * std::sin(angle)) / static_cast<double>(n_future);
        turned[size(c + half)] += (y * std::cos(angle) - x * std::sin(angle)) / static_cast<double>(n_future);
      }
    double linear = 0, quadratic = 0;
    for (std::int64_t c = 0; c < d; ++c) linear += turned[size(c)] * mean[size(c)];
    for (auto s = n_sink; s < n; ++s) {
      double product = 0;
      for (std::int64_t c = 0; c < d; ++c) product += turned[size(c)] * (q(s, c) - mean[size(c)]);
      quadratic += product * product / count;
    }
    z.push_back(linear / std::sqrt(static_cast<double>(d)) + quadratic / static_cast<double>(2 * d));
  }
  return z;
}

TEST_F(DriftingFeaturesKernel, ProductOfFeaturesIsTheDefinitionsLogit) {
  const Shape shape{4, 2, 8, 3, 30, 4, 0.5};
  const Inputs<float> inputs(shape, generator_);
  const auto check = [&](auto run) {
    Layer<float> layer(inputs);
    const auto& block = layer.plan().blocks.at(0);
    ASSERT_EQ(layer.plan().blocks.size(), 1U);
    Positions body;
    for (auto j = shape.n_sink; j < shape.n_tokens; ++j) body.push_back(j);
    layer.run(run, Product<InFloat>());
    for (std::int64_t h = 0; h < shape.n_heads; ++h)
      for (std::int64_t e = 0; e < block.n_events; ++e) {
        const auto expected = logits_by_definition(inputs, layer.plan().n[size(e)], h, body);
        const auto row = (h / 2 * block.n_events + e) * 2 + h % 2;
        for (std::size_t i = 0; i < body.size(); ++i)
          ASSERT_NEAR(layer.buffers().z[size(row * block.n_places) + i], expected[i],
                      2e-6 * (1 + std::abs(expected[i])))
              << "head " << h << ", event " << e << ", key " << body[i];
      }
  };
  check(Kernel());
  check(Reference());
}

}  // namespace
}  // namespace kvcompare::drifting
