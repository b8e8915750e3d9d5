#include "worker/cpu/interval_attention.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "common/size.h"
#include "tests/support/attention_by_libtorch.h"
#include "tests/support/simd_targets.h"

namespace kvcompare {
namespace {

// One layer of one sample: what AttentionHeads points into.
template <class T>
struct Layer {
  std::int64_t n_heads = 1;
  std::int64_t n_kv_heads = 1;
  std::int64_t n_tokens = 0;
  std::int64_t d_head = 0;
  std::vector<T> q, k, v;
  std::vector<std::int32_t> until;

  AttentionHeads<T> heads() {
    return {.n_heads = n_heads,
            .n_kv_heads = n_kv_heads,
            .n_tokens = n_tokens,
            .d_head = d_head,
            .scale = {static_cast<double>(d_head)},
            .q = q.data(),
            .k = k.data(),
            .v = v.data(),
            .until = until.data(),
            .out = q.data()};
  }
  std::int64_t group() const { return n_heads / n_kv_heads; }
};

template <class To, class From>
Layer<To> converted(const Layer<From>& layer) {
  Layer<To> other{layer.n_heads, layer.n_kv_heads, layer.n_tokens, layer.d_head, {}, {}, {}, layer.until};
  other.q.assign(layer.q.begin(), layer.q.end());
  other.k.assign(layer.k.begin(), layer.k.end());
  other.v.assign(layer.v.begin(), layer.v.end());
  return other;
}

// ---- how long keys live

using Generator = std::mt19937_64;

std::int64_t between(Generator& generator, std::int64_t least, std::int64_t most) {  // both included
  return least + static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(most - least + 1));
}

// until of key j among n_tokens.
using Lives = std::function<std::int64_t(Generator& generator, std::int64_t j, std::int64_t n_tokens)>;
struct NamedLives {
  std::string name;
  Lives until;
};

const std::vector<NamedLives>& all_lives() {
  static const std::vector<NamedLives> kLives{
      {"nothing dies", [](auto&, auto, auto n) { return n; }},
      {"random", [](auto& generator, auto j, auto n) { return between(generator, j + 1, n); }},
      {"only the own key", [](auto&, auto j, auto) { return j + 1; }},
      {"all die inside a tile",
       [](auto&, auto j, auto n) { return j < n / 2 + 3 ? std::clamp(n / 2 + 3, j + 1, n) : n; }},
      {"all die between two tiles",
       [](auto&, auto j, auto n) { return j < 64 ? std::min<std::int64_t>(64, n) : n; }},
      {"few live long",
       [](auto& generator, auto j, auto n) {
         return between(generator, 0, 9) == 0 ? n : std::min(n, j + between(generator, 1, 3));
       }},
      {"chunks of 7",
       [](auto& generator, auto j, auto n) { return std::min(n, (j / 7 + between(generator, 1, 9)) * 7); }},
  };
  return kLives;
}

struct Shape {
  std::int64_t group = 1;
  std::int64_t n_kv_heads = 1;
  std::int64_t n_tokens = 0;
  std::int64_t d_head = 0;
};

template <class T>
Layer<T> random_layer(Generator& generator, const Shape& shape, const Lives& lives, double q_scale = 1) {
  const auto [group, n_kv_heads, n_tokens, d_head] = shape;
  Layer<T> layer{group * n_kv_heads, n_kv_heads, n_tokens, d_head, {}, {}, {}, {}};
  std::normal_distribution<double> normal;
  const auto draw = [&](std::int64_t n, double scale) {
    std::vector<T> numbers;
    for (std::int64_t i = 0; i < n; ++i) numbers.push_back(static_cast<T>(normal(generator) * scale));
    return numbers;
  };
  layer.q = draw(n_tokens * layer.n_heads * d_head, q_scale);
  layer.k = draw(n_kv_heads * n_tokens * d_head, 1);
  layer.v = draw(n_kv_heads * n_tokens * d_head, 1);
  for (std::int64_t h = 0; h < n_kv_heads; ++h)
    for (std::int64_t j = 0; j < n_tokens; ++j)
      layer.until.push_back(static_cast<std::int32_t>(lives(generator, j, n_tokens)));
  return layer;
}

// ---- the implementations, and the definition; each returns [n_tokens, n_heads, d_head]

// softmax over the row of all keys, the hidden ones at -infinity, then its product with the values.
std::vector<double> masked_softmax(const Layer<double>& layer) {
  const auto t = layer.n_tokens, d = layer.d_head;
  std::vector<double> outputs(layer.q.size(), 0);
  std::vector<double> row(size(t));
  for (std::int64_t i = 0; i < t; ++i)
    for (std::int64_t head = 0; head < layer.n_heads; ++head) {
      const auto first_key = head / layer.group() * t;
      const double* q = layer.q.data() + (i * layer.n_heads + head) * d;
      for (std::int64_t j = 0; j < t; ++j) {
        row[size(j)] = -std::numeric_limits<double>::infinity();
        if (j > i || i >= layer.until[size(first_key + j)]) continue;
        double product = 0;
        for (std::int64_t c = 0; c < d; ++c) product += q[c] * layer.k[size((first_key + j) * d + c)];
        row[size(j)] = product / std::sqrt(static_cast<double>(d));
      }
      const double highest = *std::max_element(row.begin(), row.end());
      double total = 0;
      for (double& logit : row) total += logit = std::exp(logit - highest);
      double* out = outputs.data() + (i * layer.n_heads + head) * d;
      for (std::int64_t j = 0; j <= i; ++j)
        for (std::int64_t c = 0; c < d; ++c)
          out[c] += row[size(j)] / total * layer.v[size((first_key + j) * d + c)];
    }
  return outputs;
}

template <class T>
std::vector<T> by_tiles(Layer<T> layer, AttentionScratch<T>& scratch) {
  const auto heads = layer.heads();
  for (std::int64_t h = 0; h < heads.n_kv_heads; ++h)
    for (std::int64_t i = 0; i < heads.n_tokens; i += n_queries_in_tile(heads.group()))
      interval_attention_tile(heads, h, i, scratch);
  return layer.q;
}

template <class T>
std::vector<T> by_tiles(const Layer<T>& layer) {
  AttentionScratch<T> scratch;
  return by_tiles(layer, scratch);
}

double dot(const double* a, const double* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// In plain loops, all heads.
void interval_attention_reference(const AttentionHeads<double>& heads) {
  const auto d = heads.d_head;
  for (std::int64_t head = 0; head < heads.n_heads; ++head) {
    const auto offset = head / heads.group() * heads.n_tokens;
    for (std::int64_t i = 0; i < heads.n_tokens; ++i) {
      const auto begin = (i * heads.n_heads + head) * d;
      const auto* q = heads.q + begin;
      std::vector<double> output(static_cast<std::size_t>(d), 0);
      double sum = 0, max = -std::numeric_limits<double>::infinity();
      const auto logit = [&](std::int64_t j) {
        return dot(q, heads.k + (offset + j) * d, d) / std::sqrt(static_cast<double>(d));
      };
      const auto sees = [&](std::int64_t j) { return i < heads.until[offset + j]; };
      for (std::int64_t j = 0; j <= i; ++j)
        if (sees(j)) max = std::max(max, logit(j));
      for (std::int64_t j = 0; j <= i; ++j) {
        if (!sees(j)) continue;
        const auto weight = std::exp(logit(j) - max);
        sum += weight;
        for (std::int64_t c = 0; c < d; ++c)
          output[static_cast<std::size_t>(c)] += weight * heads.v[(offset + j) * d + c];
      }
      for (std::int64_t c = 0; c < d; ++c) heads.out[begin + c] = output[static_cast<std::size_t>(c)] / sum;
    }
  }
}

std::vector<double> by_reference(Layer<double> layer) {
  interval_attention_reference(layer.heads());
  return layer.q;
}

template <class T>
std::vector<T> by_libtorch(Layer<T> layer, at::ScalarType dtype = c10::CppTypeToScalarType<T>::value) {
  const auto kv_shape = std::vector{layer.n_kv_heads, layer.n_tokens, layer.d_head};
  constexpr auto kOwn = c10::CppTypeToScalarType<T>::value;
  const auto q = at::from_blob(layer.q.data(), {layer.n_tokens, layer.n_heads, layer.d_head}, kOwn);
  const auto output =
      interval_attention(q.transpose(0, 1).to(dtype), at::from_blob(layer.k.data(), kv_shape, kOwn).to(dtype),
                         at::from_blob(layer.v.data(), kv_shape, kOwn).to(dtype),
                         at::from_blob(layer.until.data(), {layer.n_kv_heads, layer.n_tokens}, at::kInt));
  EXPECT_EQ(output.sizes(), (std::vector{layer.n_heads, layer.n_tokens, layer.d_head}));
  EXPECT_EQ(output.scalar_type(), dtype);
  const auto outputs = output.to(kOwn).transpose(0, 1).contiguous();
  return {outputs.template const_data_ptr<T>(), outputs.template const_data_ptr<T>() + outputs.numel()};
}

template <class T>
void expect_near(const std::vector<T>& actual, const std::vector<double>& expected, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(static_cast<double>(actual[i]), expected[i], tolerance) << what << " [" << i << "]";
}

// Each against the definition, and so against the others.
void expect_masked_softmax(const Layer<float>& layer, double double_tolerance, double float_tolerance) {
  const auto wide = converted<double>(layer);
  const auto expected = masked_softmax(wide);
  expect_near(by_reference(wide), expected, double_tolerance, "reference");
  expect_near(by_libtorch(wide), expected, double_tolerance, "libtorch, double");
  expect_near(by_libtorch(layer), expected, float_tolerance, "libtorch, float");
  on_every_simd_target([&] {
    expect_near(by_tiles(wide), expected, double_tolerance, "tiles, double");
    expect_near(by_tiles(layer), expected, float_tolerance, "tiles, float");
  });
}

// ---- the numbers

// Weights 1/4 and 3/4 by hand; later the first key is dead.
TEST(IntervalAttention, IsWhatItIsByHand) {
  const double three_to_one = std::sqrt(2.0) * std::log(3.0);
  Layer<double> layer{1, 1, 3, 2, {}, {}, {}, {2, 3, 3}};
  layer.q = {5, 5, three_to_one, 0, 0, three_to_one};
  layer.k = {0, 0, 1, 0, 0, 1};
  layer.v = {8, 0, 0, 8, 16, 16};
  // 0 sees 0; 1 sees 0, 1; 2 sees 1, 2
  const std::vector<double> expected{8, 0, 2, 6, 12, 14};
  expect_near(masked_softmax(layer), expected, 1e-13, "the definition in this test");
  expect_near(by_reference(layer), expected, 1e-13, "reference");
  expect_near(by_libtorch(layer), expected, 1e-13, "libtorch");
  on_every_simd_target([&] {
    expect_near(by_tiles(layer), expected, 1e-13, "tiles, double");
    expect_near(by_tiles(converted<float>(layer)), expected, 1e-5, "tiles, float");
  });
}

class IntervalAttentionOfGroup : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(IntervalAttentionOfGroup, IsMaskedSoftmax) {
  Generator generator(static_cast<std::uint64_t>(GetParam()));
  std::size_t turn = size(GetParam());
  for (const std::int64_t d_head : {2, 6, 8, 32, 64, 128})
    for (const std::int64_t n_tokens : {1, 2, 3, 15, 16, 17, 63, 64, 65, 127, 128, 129, 130, 300}) {
      if (n_tokens == 300 && d_head != 6 && d_head != 64) continue;  // time
      const Shape shape{GetParam(), d_head < 32 ? 2 : 1, n_tokens, d_head};
      const auto n_kinds = all_lives().size();
      for (std::size_t kind = 0; kind < (d_head == 6 ? n_kinds : 1); ++kind) {
        const auto& lives = all_lives()[turn++ % n_kinds];
        SCOPED_TRACE("d_head " + std::to_string(d_head) + ", " + std::to_string(n_tokens) + " tokens, " +
                     lives.name);
        expect_masked_softmax(random_layer<float>(generator, shape, lives.until), 1e-12, 1e-5);
        if (HasFatalFailure()) return;
      }
    }
}

// Logits of some thousands, of both signs: exp() of them is infinite, or 0.
TEST_P(IntervalAttentionOfGroup, IsMaskedSoftmaxOfHugeLogits) {
  Generator generator(7);
  for (const auto& lives : all_lives()) {
    SCOPED_TRACE(lives.name);
    expect_masked_softmax(random_layer<float>(generator, {GetParam(), 1, 70, 8}, lives.until, 3000), 1e-9,
                          2e-2);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, IntervalAttentionOfGroup, ::testing::Values(1, 2, 3, 4, 7, 8),
                         ::testing::PrintToStringParamName());

TEST(IntervalAttentionByLibtorch, TakesNarrowTypes) {
  Generator generator(3);
  const auto layer = random_layer<float>(generator, {2, 2, 300, 8}, all_lives()[1].until);
  const auto expected = masked_softmax(converted<double>(layer));
  expect_near(by_libtorch(layer, at::kHalf), expected, 1e-2, "float16");
  expect_near(by_libtorch(layer, at::kBFloat16), expected, 1e-1, "bfloat16");
}

// ---- the bits

template <class T>
class IntervalAttentionTiles : public ::testing::Test {
 protected:
  // One shape for each number of queries in a tile; tiles begin and end inside.
  static std::vector<Shape> shapes() { return {{1, 2, 150, 6}, {2, 1, 70, 2}, {3, 1, 70, 6}, {8, 1, 37, 8}}; }

  static std::vector<T> row(const Layer<T>& layer, const std::vector<T>& outputs, std::int64_t i) {
    const auto width = layer.n_heads * layer.d_head;
    return {outputs.begin() + i * width, outputs.begin() + (i + 1) * width};
  }

  // changed(layer, i): another layer, in which query i sees the same keys.
  template <class F>
  void expect_same_bits_of_every_query(F changed, std::int64_t step = 1) {
    for (const auto& shape : shapes())
      for (const auto& lives : all_lives()) {
        Generator generator(11);
        const auto layer = random_layer<T>(generator, shape, lives.until, 4);
        SCOPED_TRACE(lives.name + ", group " + std::to_string(shape.group));
        on_every_simd_target([&] {
          const auto outputs = by_tiles(layer);
          for (std::int64_t i = 0; i < shape.n_tokens; i += step) {
            const Layer<T> other = changed(layer, i, generator);
            ASSERT_EQ(row(other, by_tiles(other), i), row(layer, outputs, i)) << "query " << i;
          }
        });
        if (this->HasFatalFailure()) return;
      }
  }

  static bool sees(const Layer<T>& layer, std::int64_t kv_head, std::int64_t i, std::int64_t j) {
    return j <= i && i < layer.until[size(kv_head * layer.n_tokens + j)];
  }
};
using FloatAndDouble = ::testing::Types<float, double>;
TYPED_TEST_SUITE(IntervalAttentionTiles, FloatAndDouble);

// exp(0) is 1, and 1 / 1 as well.
TYPED_TEST(IntervalAttentionTiles, OfAKeyAloneIsItsValue) {
  Generator generator(2);
  for (const auto& shape : this->shapes()) {
    auto layer = random_layer<TypeParam>(generator, shape, all_lives()[2].until, 10000);
    const auto group = layer.group();
    std::vector<TypeParam> expected;
    for (std::int64_t i = 0; i < shape.n_tokens; ++i)
      for (std::int64_t head = 0; head < layer.n_heads; ++head)
        for (std::int64_t c = 0; c < shape.d_head; ++c)
          expected.push_back(layer.v[size((head / group * shape.n_tokens + i) * shape.d_head + c)]);
    on_every_simd_target([&] { EXPECT_EQ(by_tiles(layer), expected) << shape.group; });
  }
}

// The sample is cut after query i: no later queries, no later keys.
TYPED_TEST(IntervalAttentionTiles, DoNotDependOnLaterTokens) {
  this->expect_same_bits_of_every_query([](const auto& layer, std::int64_t i, Generator&) {
    auto cut = layer;
    cut.n_tokens = i + 1;
    cut.q.resize(size(cut.n_tokens * cut.n_heads * cut.d_head));
    cut.k.clear(), cut.v.clear(), cut.until.clear();
    for (std::int64_t h = 0; h < cut.n_kv_heads; ++h) {
      const auto first = h * layer.n_tokens, end = first + cut.n_tokens;
      cut.k.insert(cut.k.end(), layer.k.begin() + first * cut.d_head, layer.k.begin() + end * cut.d_head);
      cut.v.insert(cut.v.end(), layer.v.begin() + first * cut.d_head, layer.v.begin() + end * cut.d_head);
      for (auto j = first; j < end; ++j)
        cut.until.push_back(std::min(layer.until[size(j)], static_cast<std::int32_t>(cut.n_tokens)));
    }
    return cut;
  });
}

TYPED_TEST(IntervalAttentionTiles, DoNotDependOnKeysThatAreNotSeen) {
  this->expect_same_bits_of_every_query(
      [this](const auto& layer, std::int64_t i, Generator& generator) {
        auto other = layer;
        for (std::int64_t h = 0; h < layer.n_kv_heads; ++h)
          for (std::int64_t j = 0; j < layer.n_tokens; ++j) {
            if (this->sees(layer, h, i, j)) continue;
            const auto kv = size((h * layer.n_tokens + j) * layer.d_head);
            for (auto c = kv; c < kv + size(layer.d_head); ++c) {
              other.k[c] = static_cast<TypeParam>(between(generator, -1, 1)) * TypeParam(1e30);
              other.v[c] = static_cast<TypeParam>(between(generator, -1, 1)) * TypeParam(1e38);
            }
          }
        return other;
      },
      3);
}

// Keys that query i sees die anywhere later, those that it does not see anywhere before: in its tile, or not.
TYPED_TEST(IntervalAttentionTiles, DoNotDependOnWhenKeysDieOtherwise) {
  this->expect_same_bits_of_every_query([this](const auto& layer, std::int64_t i, Generator& generator) {
    auto other = layer;
    const auto n_tile = n_queries_in_tile(layer.group());
    const auto begin_of_tile = i / n_tile * n_tile;
    const auto end_of_tile = std::min(layer.n_tokens, begin_of_tile + n_tile);
    const auto kind = between(generator, 0, 2);  // never inside the tile, always, or anywhere
    for (std::int64_t h = 0; h < layer.n_kv_heads; ++h)
      for (std::int64_t j = 0; j < layer.n_tokens; ++j) {
        std::int64_t least = j + 1, most = layer.n_tokens;
        if (this->sees(layer, h, i, j)) {
          least = kind == 0 ? end_of_tile : i + 1;
          most = kind == 1 ? end_of_tile : layer.n_tokens;
        } else if (j <= i) {
          most = kind == 0 ? std::clamp(begin_of_tile, j + 1, i) : i;
          least = kind == 1 ? std::clamp(begin_of_tile + 1, j + 1, i) : j + 1;
        }
        other.until[size(h * layer.n_tokens + j)] =
            static_cast<std::int32_t>(between(generator, least, most));
      }
    for (std::int64_t h = 0; h < layer.n_kv_heads; ++h)
      for (std::int64_t j = 0; j < layer.n_tokens; ++j)
        EXPECT_EQ(this->sees(layer, h, i, j), this->sees(other, h, i, j)) << "of the test itself";
    return other;
  });
}

TYPED_TEST(IntervalAttentionTiles, TouchTheirOwnQueriesOnly) {
  Generator generator(5);
  for (const auto& shape : this->shapes()) {
    const auto layer = random_layer<TypeParam>(generator, shape, all_lives()[1].until);
    const auto all = by_tiles(layer);
    AttentionScratch<TypeParam> scratch;
    const auto n = n_queries_in_tile(shape.group);
    for (std::int64_t h = 0; h < shape.n_kv_heads; ++h)
      for (std::int64_t first = 0; first < shape.n_tokens; first += n) {
        auto one = layer;
        interval_attention_tile(one.heads(), h, first, scratch);
        for (std::size_t at = 0; at < one.q.size(); ++at) {
          const auto head = static_cast<std::int64_t>(at) / shape.d_head % layer.n_heads;
          const auto i = static_cast<std::int64_t>(at) / shape.d_head / layer.n_heads;
          const bool own = head / shape.group == h && i >= first && i < first + n;
          ASSERT_EQ(one.q[at], own ? all[at] : layer.q[at])
              << "tile " << first << ", query " << i << " head " << head;
        }
      }
  }
}

// What a scratch held before, and what it was as large as, leaves no trace.
TYPED_TEST(IntervalAttentionTiles, MayShareAScratchWithOtherSamples) {
  Generator generator(13);
  const std::vector<Shape> shapes{{1, 1, 5, 2},  {8, 1, 130, 32}, {1, 2, 17, 6},
                                  {3, 1, 65, 8}, {7, 1, 1, 64},   {1, 1, 300, 64},
                                  {2, 2, 3, 2},  {4, 1, 64, 6},   {1, 1, 1, 128}};
  on_every_simd_target([&] {
    AttentionScratch<TypeParam> scratch;
    for (int round = 0; round < 40; ++round) {
      const auto& shape = shapes[size(between(generator, 0, std::ssize(shapes) - 1))];
      const auto& lives = all_lives()[size(between(generator, 0, std::ssize(all_lives()) - 1))];
      // Every other one overflows and leaves infinities and NaNs behind.
      const double scale =
          round % 2 == 0 ? 1 : std::sqrt(static_cast<double>(std::numeric_limits<TypeParam>::max()));
      auto layer = random_layer<TypeParam>(generator, shape, lives.until);
      for (auto& x : layer.q) x *= static_cast<TypeParam>(scale);
      for (auto& x : layer.k) x *= static_cast<TypeParam>(scale);
      const auto outputs = by_tiles(layer, scratch);
      if (round % 2 == 0) {
        ASSERT_EQ(outputs, by_tiles(layer)) << round << ": " << lives.name << ", " << shape.n_tokens;
      }
    }
  });
}

}  // namespace
}  // namespace kvcompare
