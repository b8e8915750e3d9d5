#include "worker/cpu/interval_attention_bfloat16.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <c10/util/BFloat16.h>

#include "common/size.h"
#include "tests/support/product_kinds.h"

namespace kvcompare {
namespace {

double rounded(float x) { return static_cast<double>(static_cast<float>(c10::BFloat16(x))); }

struct Layer {
  std::int64_t group, n_kv_heads, n_tokens, d_head;
  std::vector<float> q, k, v;
  std::vector<std::int32_t> until;

  AttentionHeads<float> heads() {
    return {.n_heads = group * n_kv_heads,
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
};

using Generator = std::mt19937_64;

// until of key j among n_tokens.
using Lives = std::function<std::int64_t(Generator& generator, std::int64_t j, std::int64_t n_tokens)>;

const std::vector<Lives> kAllLives{
    [](auto&, auto, auto n) { return n; },
    [](auto& generator, auto j, auto n) {
      return j + 1 + static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(n - j));
    },
    [](auto&, auto j, auto) { return j + 1; },
    [](auto&, auto j, auto n) { return j < 64 ? std::min<std::int64_t>(64, n) : n; },
    [](auto& generator, auto j, auto n) { return generator() % 10 == 0 ? n : std::min(n, j + 2); },
};

Layer random_layer(Generator& generator, std::int64_t group, std::int64_t n_tokens, std::int64_t d_head,
                   const Lives& lives, double q_scale = 1) {
  Layer layer{group, 2, n_tokens, d_head, {}, {}, {}, {}};
  std::normal_distribution<double> normal;
  const auto draw = [&](std::int64_t n, double scale) {
    std::vector<float> numbers;
    for (std::int64_t i = 0; i < n; ++i) numbers.push_back(static_cast<float>(normal(generator) * scale));
    return numbers;
  };
  layer.q = draw(n_tokens * group * 2 * d_head, q_scale);
  layer.k = draw(2 * n_tokens * d_head, 1);
  layer.v = draw(2 * n_tokens * d_head, 1);
  for (int h = 0; h < 2; ++h)
    for (std::int64_t j = 0; j < n_tokens; ++j)
      layer.until.push_back(static_cast<std::int32_t>(lives(generator, j, n_tokens)));
  return layer;
}

// In float64, with queries, keys and values rounded as the kernel rounds them. [n_tokens, n_heads, d_head]
std::vector<double> expected_of(Layer layer) {
  const auto heads = layer.heads();
  const auto d = layer.d_head;
  const auto scale = 1 / std::sqrt(static_cast<float>(d));
  std::vector<double> outputs(layer.q.size(), 0);
  for (std::int64_t i = 0; i < layer.n_tokens; ++i)
    for (std::int64_t head = 0; head < heads.n_heads; ++head) {
      const auto first_key = head / layer.group * layer.n_tokens;
      const auto at = (i * heads.n_heads + head) * d;
      std::vector<std::pair<double, std::int64_t>> logits;
      for (std::int64_t j = 0; j <= i; ++j) {
        if (i >= layer.until[size(first_key + j)]) continue;
        double logit = 0;
        for (std::int64_t c = 0; c < d; ++c)
          logit += rounded(layer.q[size(at + c)] * scale) * rounded(layer.k[size((first_key + j) * d + c)]);
        logits.emplace_back(logit, j);
      }
      const auto max = std::ranges::max(logits).first;
      double sum = 0;
      for (const auto& [logit, j] : logits) sum += std::exp(logit - max);
      for (const auto& [logit, j] : logits)
        for (std::int64_t c = 0; c < d; ++c)
          outputs[size(at + c)] +=
              std::exp(logit - max) / sum * rounded(layer.v[size((first_key + j) * d + c)]);
    }
  return outputs;
}

std::vector<float> by_tiles(Layer layer, Bfloat16AttentionScratch& scratch) {
  const auto heads = layer.heads();
  for (std::int64_t h = 0; h < heads.n_kv_heads; ++h)
    for (std::int64_t i = 0; i < heads.n_tokens; i += n_queries_in_tile(heads.group()))
      interval_attention_tile(heads, h, i, scratch);
  return layer.q;
}

class IntervalAttentionInBfloat16 : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override {
    if (!this_machine_has(ProductKind::kPaired)) GTEST_SKIP() << "the processor has no AVX512-BF16";
  }
  Bfloat16AttentionScratch scratch_;  // used again and again, as a thread does
};

// The weights are rounded to 8 bits: outputs, averages of values of up to 4, by at most 4 / 256.
TEST_P(IntervalAttentionInBfloat16, IsMaskedSoftmaxOfRoundedNumbers) {
  Generator generator(static_cast<std::uint64_t>(GetParam()));
  std::size_t turn = 0;
  for (const std::int64_t d_head : {2, 6, 8, 18, 64, 80, 128})
    for (const std::int64_t n_tokens : {1, 2, 3, 15, 17, 64, 65, 129, 200}) {
      const auto lives = turn++ % kAllLives.size();
      SCOPED_TRACE("d_head " + std::to_string(d_head) + ", " + std::to_string(n_tokens) + " tokens, lives " +
                   std::to_string(lives));
      const auto layer = random_layer(generator, GetParam(), n_tokens, d_head, kAllLives[lives]);
      const auto expected = expected_of(layer);
      const auto actual = by_tiles(layer, scratch_);
      double squares = 0;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto difference = static_cast<double>(actual[i]) - expected[i];
        ASSERT_NEAR(difference, 0, 4.0 / 256) << i;
        squares += difference * difference;
      }
      // Rounding goes either way.
      EXPECT_LE(std::sqrt(squares / static_cast<double>(expected.size())), 1.0 / 256);
    }
}

// exp() of the logits, of both signs, would be infinite, or 0: one key has all the weight, or nearly.
TEST_P(IntervalAttentionInBfloat16, IsMaskedSoftmaxOfHugeLogits) {
  Generator generator(7);
  for (const auto& lives : kAllLives) {
    const auto layer = random_layer(generator, GetParam(), 70, 8, lives, 3000);
    const auto expected = expected_of(layer);
    const auto actual = by_tiles(layer, scratch_);
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(static_cast<double>(actual[i]), expected[i], 2e-2) << i;
  }
}

TEST_P(IntervalAttentionInBfloat16, DoesNotDependOnWhatTheScratchHeld) {
  Generator generator(8);
  const auto layer = random_layer(generator, GetParam(), 131, 18, kAllLives[1]);
  const auto expected = by_tiles(layer, scratch_);
  by_tiles(random_layer(generator, GetParam(), 300, 64, kAllLives[0]), scratch_);
  EXPECT_EQ(by_tiles(layer, scratch_), expected);
}

// Of a key that is not finite: to who sees it, and to nobody else.
TEST_P(IntervalAttentionInBfloat16, PassesNaNOnToThoseWhoSeeIt) {
  Generator generator(9);
  auto layer = random_layer(generator, GetParam(), 90, 8, kAllLives[1]);
  const std::int64_t bad = 33;
  layer.until[size(bad)] = 51;  // of KV head 0
  layer.k[size(bad * 8 + 3)] = std::numeric_limits<float>::quiet_NaN();
  const auto outputs = by_tiles(layer, scratch_);
  for (std::int64_t i = 0; i < 90; ++i)
    for (std::int64_t head = 0; head < 2 * layer.group; ++head) {
      const auto* out = outputs.data() + (i * 2 * layer.group + head) * 8;
      const bool sees = head < layer.group && i >= bad && i < 51;
      EXPECT_EQ(std::all_of(out, out + 8, [](float x) { return std::isfinite(x); }), !sees)
          << i << ' ' << head;
    }
}

INSTANTIATE_TEST_SUITE_P(Groups, IntervalAttentionInBfloat16, testing::Values(1, 2, 3, 4, 7, 8),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace kvcompare
