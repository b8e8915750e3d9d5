#include "coordinator/plan/training_plan.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/error_of.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Samples of these lengths that begin with token 1.
std::vector<Sample> samples(const std::vector<int>& lengths) {
  std::vector<Sample> result;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    Sample sample{SampleIndex(static_cast<std::int64_t>(i)),
                  std::vector<TokenId>(static_cast<std::size_t>(lengths[i]))};
    std::iota(sample.ids.begin(), sample.ids.end(), 1);
    result.push_back(std::move(sample));
  }
  return result;
}

KvzapTrainingSpec small_spec() {
  KvzapTrainingSpec spec;
  spec.min_tokens = 4;
  spec.max_tokens = 100;
  spec.positions_per_prompt = 3;
  spec.held_out = 0.25;
  return spec;
}

TrainingPlan plan(const std::vector<Sample>& data, KvzapTrainingSpec spec, std::uint64_t seed = 5,
                  std::int64_t d_model = 2) {
  spec.seed = seed;
  return plan_training(
      {.data_path = "texts.jsonl", .samples = data, .begin = {1}, .request = {50, 51}, .d_model = d_model},
      spec);
}

TEST(TrainingPlan, RepeatsAContextWithoutItsBeginToken) {
  const auto prompts = plan(samples({4, 5}), small_spec()).prompts;
  EXPECT_THAT(prompts[0].ids, ElementsAre(1, 2, 3, 4, 50, 51, 2, 3, 4));
  EXPECT_EQ(prompts[0].n_context, 4);
  EXPECT_EQ(prompts[0].repeat_begin, 6);
}

TEST(TrainingPlan, RepeatsAllOfAContextThatBeginsOtherwise) {
  auto data = samples({4, 4});
  data[1].ids = {9, 1, 2, 3};
  EXPECT_THAT(plan(data, small_spec()).prompts[1].ids, ElementsAre(9, 1, 2, 3, 50, 51, 9, 1, 2, 3));
}

TEST(TrainingPlan, LeavesShortSamplesOut) {
  const auto prompts = plan(samples({4, 3, 6}), small_spec()).prompts;
  ASSERT_EQ(prompts.size(), 2u);
  EXPECT_EQ(prompts[0].sample, SampleIndex(0));
  EXPECT_EQ(prompts[1].sample, SampleIndex(2));
}

TEST(TrainingPlan, DrawsDistinctPositionsOfTheContext) {
  auto spec = small_spec();
  spec.positions_per_prompt = 10;
  std::vector<int> seen(30, 0);
  for (const auto& prompt : plan(samples(std::vector<int>(300, 30)), spec).prompts) {
    ASSERT_EQ(prompt.positions.size(), 10u);
    ASSERT_TRUE(std::ranges::is_sorted(prompt.positions));
    ASSERT_EQ(std::ranges::adjacent_find(prompt.positions), prompt.positions.end());
    for (const auto position : prompt.positions) ++seen.at(static_cast<std::size_t>(position));
  }
  for (const int n : seen) EXPECT_NEAR(n, 100, 40);  // binomial, deviation 8.2
}

TEST(TrainingPlan, DependsOnTheSeedAlone) {
  const auto data = samples(std::vector<int>(20, 40));
  const auto one = plan(data, small_spec()), same = plan(data, small_spec()),
             other = plan(data, small_spec(), 6);
  EXPECT_EQ(one.held_out, same.held_out);
  EXPECT_EQ(one.prompts[7].positions, same.prompts[7].positions);
  EXPECT_NE(one.held_out, other.held_out);
  // Nor do the positions of a prompt depend on what comes before it.
  EXPECT_EQ(plan(samples({2, 2, 2, 40, 40}), small_spec()).prompts[0].positions, one.prompts[3].positions);
}

TEST(TrainingPlan, HoldsTheShareOutButNeverAllNorNone) {
  EXPECT_EQ(plan(samples(std::vector<int>(20, 10)), small_spec()).held_out.size(), 5u);
  EXPECT_EQ(plan(samples({10, 10}), small_spec()).held_out.size(), 1u);
  auto spec = small_spec();
  spec.held_out = 0.99;
  EXPECT_EQ(plan(samples({10, 10, 10}), spec).held_out.size(), 2u);
}

TEST(TrainingPlan, SaysHowMuchIsNeeded) {
  const auto few = error_of<DataError>([] { plan(samples({3, 9, 2}), small_spec()); });
  EXPECT_THAT(
      few.what(),
      HasSubstr("texts.jsonl: 1 of its 3 samples has min_tokens = 4 tokens or more (the longest has 9)"));
  EXPECT_THAT(few.what(), HasSubstr("two are needed"));
  EXPECT_EQ(few.exit_code(), ExitCode::kBadInput);
  // Three prompts to fit to, three positions each.
  const auto thin = error_of<DataError>([] { plan(samples({9, 9, 9, 9}), small_spec(), 5, 10); });
  EXPECT_THAT(thin.what(), HasSubstr("9 positions of 3 prompts"));
  EXPECT_THAT(thin.what(), HasSubstr("the 10 channels"));
  EXPECT_THAT(thin.what(), HasSubstr("about 4 such prompts"));
}

TEST(TrainingIdentity, HoldsWhatTheSurrogateDependsOn) {
  const TrainingInputs inputs{
      .hashes = {"m", "t", "d"}, .versions = {1, "2"}, .dtype = "float32", .device_type = "cpu"};
  auto spec = small_spec();
  const auto mlp = training_identity(spec, inputs);
  EXPECT_EQ(mlp.at("hidden_dim"), "512");
  EXPECT_EQ(mlp.at("model"), "m");
  EXPECT_FALSE(mlp.contains("ridge"));
  spec.kvzap_model_type = "linear";
  const auto linear = training_identity(spec, inputs);
  EXPECT_EQ(linear.at("ridge"), "1");
  EXPECT_FALSE(linear.contains("epochs"));
  spec.repeat_prompt = "again";
  EXPECT_EQ(drift(linear, training_identity(spec, inputs)).size(), 1u);
}

}  // namespace
}  // namespace kvcompare
