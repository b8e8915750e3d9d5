// The search for a threshold in every engine: what it says queries read is what they read when the engine,
// with methods of the registry alone, evaluates the same samples at the threshold that was found.
#include "worker/search/threshold_search.h"

#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "common/run/instance_name.h"
#include "tests/property/engine_under_test.h"
#include "tests/property/random_model.h"
#include "tests/support/temporary_folder.h"
#include "worker/search/recorded_scores.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kChunk = 3;

class ThresholdSearchInEngine : public testing::TestWithParam<EngineUnderTest> {
 protected:
  ThresholdSearchInEngine() : generator_(property_seed()) {
    spec_ = {.arch = TinyArch::kQwen3,
             .seed = generator_(),
             .vocab = 100,
             .hidden = 48,
             .layers = 2,
             .heads = 4,
             .kv_heads = 2,
             .head_dim = 8};
    write_tiny_model(scratch_.path(), spec_);
    for (std::int64_t s = 0; s < 2; ++s)
      samples_.push_back({SampleIndex(s), random_sample(generator_, 60 + 13 * s, spec_.vocab)});
    model_ = std::make_unique<ModelUnderTest>(scratch_.path(), GetParam());
  }

  SearchScope scope() const {
    return {.samples = searched_samples(samples_, {}),
            .chunk_size = kChunk,
            .n_layers = spec_.layers,
            .n_kv_heads = spec_.kv_heads};
  }

  ThresholdSearch search() {
    return {scope(), [this](auto more) {
              model_->set_more_methods(more);
              return model_->engine(kChunk);
            }};
  }

  static MethodSpec method(const char* name) {
    MethodFlags flags;
    flags.policy = "threshold";
    flags.sliding_window_size = 5;
    return make_method_spec(*find_method(name), flags);
  }

  // By the registry's own row.
  double density_of(const MethodSpec& method) {
    model_->set_more_methods({});
    const auto engine = model_->engine(kChunk);
    KeyCounts sums;
    for (const auto& sample : samples_) {
      const auto result = engine->run(sample, method);
      sums.attended += result.numbers.keys.attended;
      sums.attendable += result.numbers.keys.attendable;
    }
    return UnitNumbers{.keys = sums}.attended_density();
  }

  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  TinyModelSpec spec_;
  std::vector<Sample> samples_;
  std::unique_ptr<ModelUnderTest> model_;
};

TEST_P(ThresholdSearchInEngine, FindsWhatQueriesThenRead) {
  for (const char* name : {"knorm", "streaming_llm"}) {
    auto searching = search();
    for (const double target : {0.8, 0.4}) {
      const auto found = searching.find(method(name), target);
      EXPECT_NEAR(found.density, target, 0.02) << name;
      const auto complete = with_threshold(method(name), found.threshold);
      EXPECT_EQ(found.instance, instance_name(complete));
      EXPECT_EQ(found.target_density, target);
      EXPECT_EQ(found.n_samples, 2);
      EXPECT_GE(found.n_passes, 2);
      EXPECT_LE(found.n_passes, 1 + kMostEvictingPasses);
      EXPECT_EQ(density_of(complete), found.density) << name << " at " << found.threshold;
    }
  }
}

TEST_P(ThresholdSearchInEngine, IsTheSameEachTime) {
  const auto once = search().find(method("knorm"), 0.4);
  auto searching = search();
  searching.find(method("knorm"), 0.7);
  EXPECT_EQ(searching.find(method("knorm"), 0.4), once);
}

TEST_P(ThresholdSearchInEngine, KnowsWhatCannotBeReached) {
  EXPECT_EQ(least_density(scope(), method("random")), density_of(with_threshold(method("random"), 2)));
  EXPECT_EQ(least_density(scope(), method("streaming_llm")),
            density_of(with_threshold(method("streaming_llm"), 1e9)));
}

TEST_P(ThresholdSearchInEngine, IsForFixedScores) {
  EXPECT_TRUE(may_have_fixed_scores(method("kvzap")));
  EXPECT_TRUE(may_have_fixed_scores(method("random")));
  EXPECT_FALSE(may_have_fixed_scores(method("expected_attention")));
  EXPECT_FALSE(may_have_fixed_scores(method("observed_attention")));
}

INSTANTIATE_TEST_SUITE_P(All, ThresholdSearchInEngine, testing::ValuesIn(all_engines_under_test()),
                         [](const auto& param) { return param.param.name(); });

TEST(SearchedSamples, AreTheFirstThatFit) {
  std::vector<Sample> samples;
  for (const std::int64_t n : {20000, 5, 12763, 1, 4})
    samples.push_back(
        {SampleIndex(std::ssize(samples)), std::vector<TokenId>(static_cast<std::size_t>(n), 1)});
  const auto first = searched_samples(samples, {SampleIndex(1)});
  EXPECT_EQ(first, (std::vector<const Sample*>{&samples[0], &samples[2], &samples[3], &samples[4]}));
  EXPECT_EQ(searched_samples(samples, {}).size(), 3u);
  samples[0].ids.resize(kMostSearchedTokens + 1);
  EXPECT_EQ(searched_samples(samples, {}).size(), 1u);
}

}  // namespace
}  // namespace kvcompare
