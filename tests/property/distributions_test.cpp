// What every engine says of next-token distributions: the definitions of docs/semantics.md, section 5, and
// what must hold whatever the model. Set KVCOMPARE_TEST_SEED to try other models and samples.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <c10/core/ScalarType.h>

#include "common/tokenizer/tokenizer.h"
#include "presses/registry.h"
#include "tests/property/engine_under_test.h"
#include "tests/property/random_model.h"
#include "tests/support/flags_and_chunks.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kTokens = 41;

// By methods whose evictions no rounding changes.
const std::vector<std::string> kSteadyMethods{"random", "streaming_llm"};

FlagsAndChunks biting_run(std::int64_t chunk_size, double compression_ratio = 0.5) {
  FlagsAndChunks run;
  run.chunk_size = chunk_size;
  run.compression_ratio = compression_ratio;
  run.set("n_sink", 2);
  return run;
}

MethodSpec spec_of(const std::string& method, const FlagsAndChunks& run) {
  return make_method_spec(*find_method(method), run);
}

// A row of logits as its definition says.
struct NaiveRow {
  explicit NaiveRow(const at::Tensor& logits) {
    const auto row = logits.to(at::kDouble).contiguous();
    const auto* first = row.const_data_ptr<double>();
    const auto n = static_cast<std::size_t>(row.numel());
    long double largest = first[0];
    for (std::size_t v = 0; v < n; ++v) {
      if (first[v] > first[top1]) top1 = v;
      largest = std::max<long double>(largest, first[v]);
    }
    long double sum = 0;
    for (std::size_t v = 0; v < n; ++v) sum += std::exp(first[v] - largest);
    for (std::size_t v = 0; v < n; ++v) log_p.push_back(first[v] - largest - std::log(sum));
  }

  std::vector<long double> log_p;
  std::size_t top1 = 0;
};

class Distributions : public testing::TestWithParam<EngineUnderTest> {
 protected:
  Distributions() : seed_(property_seed()), generator_(seed_) {}

  static void SetUpTestSuite() { at::set_num_threads(1); }

  void next_round() {
    spec_ = random_model(generator_);
    folder_ = scratch_.path() / std::to_string(n_rounds_++);
    std::filesystem::create_directory(folder_);
    write_tiny_model(folder_, spec_);
    model_ = std::make_unique<ModelUnderTest>(folder_, GetParam());
    sample_ = {SampleIndex(3), random_sample(generator_, kTokens, spec_.vocab)};
    sample_.scored = {{2, 5}, {kTokens - 1, kTokens}};
  }

  // The unit beside the baseline, and its own last hidden states.
  struct Compared {
    EngineResult baseline;
    EngineResult unit;
  };
  Compared compare(const std::string& method, const FlagsAndChunks& run) const {
    return compare(*model_, method, run);
  }
  Compared compare(const ModelUnderTest& model, const std::string& method, const FlagsAndChunks& run) const {
    const auto engine = model.engine(run.chunk_size);
    const auto baseline = spec_of("baseline", run), spec = spec_of(method, run);
    Compared compared;
    compared.baseline = engine->run({.sample = &sample_, .method = &baseline, .gives_last_hidden = true});
    compared.unit = engine->run({.sample = &sample_,
                                 .method = &spec,
                                 .reference = compared.baseline.last_hidden,
                                 .gives_last_hidden = true});
    return compared;
  }

  std::string where(int round) const {
    return "KVCOMPARE_TEST_SEED=" + std::to_string(seed_) + ", round " + std::to_string(round);
  }

  std::uint64_t seed_;
  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  TinyModelSpec spec_;
  std::filesystem::path folder_;
  std::unique_ptr<ModelUnderTest> model_;
  Sample sample_;
  int n_rounds_ = 0;
};

TEST_P(Distributions, AreAtNoDistanceWhereNothingIsEvicted) {
  for (int round = 0; round < 2; ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    for (const std::int64_t chunk_size : {std::int64_t{1}, std::int64_t{7}, kTokens}) {
      const auto [baseline, unit] = compare("streaming_llm", biting_run(chunk_size, 0));
      const auto& tokens = unit.unit.token_quality;
      EXPECT_THAT(tokens.kl, testing::Each(0)) << chunk_size;
      EXPECT_THAT(tokens.delta_p, testing::Each(0));
      EXPECT_THAT(tokens.same_top1, testing::Each(1));
      ASSERT_TRUE(unit.unit.numbers.divergence);
      EXPECT_EQ(*unit.unit.numbers.divergence, (Divergence{.sum_acceptance = 4, .n_same_top1 = 4}));
      EXPECT_EQ(unit.unit.numbers.answers, baseline.unit.numbers.answers);
      EXPECT_EQ(tokens.greedy_hit, baseline.unit.token_quality.greedy_hit);
      EXPECT_FALSE(baseline.unit.numbers.divergence);
    }
  }
}

TEST_P(Distributions, ChangeNoNll) {
  next_round();
  for (const std::int64_t chunk_size : {1, 7}) {
    const auto run = biting_run(chunk_size);
    const auto [baseline, unit] = compare("random", run);
    const auto engine = model_->engine(chunk_size);
    EXPECT_EQ(unit.unit.token_nll, engine->run(sample_, spec_of("random", run)).token_nll);
    EXPECT_EQ(baseline.unit.token_nll, engine->run(sample_, spec_of("baseline", run)).token_nll);
  }
}

// In number formats in which the head of the engine is the head in float64 up to rounding.
TEST_P(Distributions, AreThoseOfTheDefinition) {
  const bool is_wide = GetParam().type == at::kDouble;
  if (!is_wide && GetParam().type != at::kFloat) GTEST_SKIP() << "logits of 16 bits have their own rounding";
  const double tolerance = is_wide ? 1e-12 : 1e-5;
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    const auto exact = load_for_test(folder_, folder_ / "scorer", at::kDouble);
    const auto [baseline, unit] = compare("random", biting_run(1 + 2 * round, 0.8));
    const auto& tokens = unit.unit.token_quality;
    double kl = 0, acceptance = 0;
    for (std::size_t i = 0; i + 1 < sample_.ids.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      const auto logits_of = [&](const EngineResult& result) {
        return exact.model->logits(result.last_hidden.narrow(0, row, 1).to(at::kDouble))[0];
      };
      const NaiveRow p(logits_of(unit)), p0(logits_of(baseline));
      long double row_kl = 0, row_acceptance = 0;
      for (std::size_t v = 0; v < p.log_p.size(); ++v) {
        row_kl += std::exp(p0.log_p[v]) * (p0.log_p[v] - p.log_p[v]);
        row_acceptance += std::min(std::exp(p.log_p[v]), std::exp(p0.log_p[v]));
      }
      const auto target = static_cast<std::size_t>(sample_.ids[i + 1]);
      EXPECT_NEAR(tokens.kl[i], static_cast<double>(row_kl), tolerance) << i;
      EXPECT_NEAR(tokens.delta_p[i],
                  static_cast<double>(std::exp(p.log_p[target]) - std::exp(p0.log_p[target])), tolerance);
      EXPECT_EQ(tokens.same_top1[i] == 1, p.top1 == p0.top1) << i;
      EXPECT_EQ(tokens.greedy_hit[i] == 1, p.top1 == target) << i;
      const auto token = static_cast<std::int64_t>(i) + 1;
      if (std::ranges::none_of(sample_.scored, [&](auto r) { return r.begin <= token && token < r.end; }))
        continue;
      kl += static_cast<double>(row_kl);
      acceptance += static_cast<double>(row_acceptance);
    }
    EXPECT_NEAR(unit.unit.numbers.divergence->sum_kl, kl, 4 * tolerance);
    EXPECT_NEAR(unit.unit.numbers.divergence->sum_acceptance, acceptance, 4 * tolerance);
    EXPECT_GT(kl, 0);
  }
}

TEST_P(Distributions, AgreeWithTheStepwiseEngineInFloat64) {
  if (GetParam().type != at::kDouble && GetParam().type != at::kFloat)
    GTEST_SKIP() << "16 bits are compared with their own deaths elsewhere";
  const double tolerance = GetParam().type == at::kDouble ? 1e-11 : 1e-5;
  for (int round = 0; round < 2; ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    const ModelUnderTest exact(folder_, {EngineKind::kStepwise, at::kDouble});
    for (const auto& method : kSteadyMethods)
      for (const std::int64_t chunk_size : {std::int64_t{1}, std::int64_t{3}, std::int64_t{8}, kTokens}) {
        const auto run = biting_run(chunk_size);
        const auto ours = compare(method, run).unit.unit;
        const auto expected = compare(exact, method, run).unit.unit;
        for (std::size_t i = 0; i < expected.token_nll.size(); ++i) {
          EXPECT_NEAR(ours.token_quality.kl[i], expected.token_quality.kl[i],
                      tolerance * std::max(1.0, expected.token_quality.kl[i]))
              << method << " " << i;
          EXPECT_NEAR(ours.token_quality.delta_p[i], expected.token_quality.delta_p[i], tolerance);
        }
        EXPECT_EQ(ours.token_quality.greedy_hit, expected.token_quality.greedy_hit);
        EXPECT_EQ(ours.token_quality.same_top1, expected.token_quality.same_top1);
        EXPECT_EQ(ours.numbers.answers, expected.numbers.answers);
        EXPECT_NEAR(ours.numbers.divergence->sum_acceptance, expected.numbers.divergence->sum_acceptance,
                    4 * tolerance);
      }
  }
}

// The baseline in the same call, in its place or after others, gives the bits that its states given before
// do.
TEST_P(Distributions, AreTheSameBesideTheBaselineAsAfterIt) {
  next_round();
  SCOPED_TRACE(where(0));
  auto other = sample_;
  other.index = SampleIndex(4);
  std::ranges::reverse(other.ids);
  const auto run = biting_run(3);
  const auto engine = model_->engine(run.chunk_size);
  const auto baseline = spec_of("baseline", run);
  std::vector<MethodSpec> methods;
  for (const auto& name : kSteadyMethods) methods.push_back(spec_of(name, run));
  std::vector<EngineTask> together{{.sample = &sample_, .method = &baseline, .gives_last_hidden = true},
                                   {.sample = &other, .method = &baseline, .gives_last_hidden = true},
                                   {.sample = &other, .method = &baseline}};
  for (const auto& method : methods) {
    together.push_back({.sample = &other, .method = &method, .reference_task = 1});
    together.push_back({.sample = &sample_, .method = &method, .reference_task = 0});
  }
  const auto outcomes = engine->run_together(together);
  std::vector<EngineResult> alone;
  for (auto task : together) {
    if (task.reference_task) task.reference = alone[*task.reference_task].last_hidden;
    task.reference_task.reset();
    alone.push_back(engine->run(task));
  }
  for (std::size_t i = 0; i < together.size(); ++i) {
    const auto& result = std::get<EngineResult>(outcomes[i]);
    alone[i].unit.seconds = result.unit.seconds;
    EXPECT_EQ(result.unit, alone[i].unit) << i;
    EXPECT_EQ(result.last_hidden.defined(), i < 2);
    if (i < 2) {
      EXPECT_TRUE(result.last_hidden.equal(alone[i].last_hidden));
    }
    EXPECT_EQ(result.unit.numbers.divergence.has_value(), i >= 3);
  }
}

TEST_P(Distributions, FailWithTheirBaseline) {
  next_round();
  const auto run = biting_run(3);
  const auto baseline = spec_of("baseline", run), method = spec_of("random", run);
  const Sample too_short{SampleIndex(9), {1}};
  const std::vector<EngineTask> tasks{{.sample = &too_short, .method = &baseline, .gives_last_hidden = true},
                                      {.sample = &sample_, .method = &baseline, .gives_last_hidden = true},
                                      {.sample = &sample_, .method = &method, .reference_task = 0},
                                      {.sample = &sample_, .method = &method, .reference_task = 1}};
  const auto outcomes = model_->engine(run.chunk_size)->run_together(tasks);
  for (const std::size_t failed : {0, 2})
    EXPECT_TRUE(std::holds_alternative<std::exception_ptr>(outcomes[failed]));
  for (const std::size_t fine : {1, 3}) EXPECT_TRUE(std::holds_alternative<EngineResult>(outcomes[fine]));
}

INSTANTIATE_TEST_SUITE_P(Engines, Distributions, testing::ValuesIn(all_engines_under_test()),
                         [](const auto& param) { return param.param.name(); });

// A trained model: a method that evicts more is further from the baseline.
TEST(DistributionsOfTheDemo, AreFurtherFromTheBaselineTheMoreIsEvicted) {
  const std::filesystem::path demo(KVCOMPARE_DEMO_DIR);
  const auto loaded = load_for_test(demo / "model", demo / "scorer", at::kFloat);
  std::ifstream documents(demo / "documents.jsonl");
  std::string line;
  std::getline(documents, line);
  auto ids = Tokenizer::load(demo / "model").encode(line);  // with the braces of JSON: a text like another
  ids.resize(400);
  const Sample sample{SampleIndex(0), ids};
  const auto engine = make_engine(EngineKind::kTiled, loaded, 1);
  const auto baseline = spec_of("baseline", {});
  const auto reference =
      engine->run({.sample = &sample, .method = &baseline, .gives_last_hidden = true}).last_hidden;
  for (const std::string method : {"random", "streaming_llm", "expected_attention"}) {
    Divergence before{.sum_acceptance = 399, .n_same_top1 = 399};
    for (const double ratio : {0.25, 0.5, 0.75, 0.9}) {
      const auto spec = spec_of(method, biting_run(1, ratio));
      const auto now = engine->run({.sample = &sample, .method = &spec, .reference = reference})
                           .unit.numbers.divergence.value();
      EXPECT_GT(now.sum_kl, before.sum_kl) << method << " " << ratio;
      EXPECT_LT(now.sum_acceptance, before.sum_acceptance) << method << " " << ratio;
      EXPECT_LT(now.n_same_top1, before.n_same_top1) << method << " " << ratio;
      before = now;
    }
  }
}

}  // namespace
}  // namespace kvcompare
