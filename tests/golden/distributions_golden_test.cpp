// What engines say of next-token distributions, against goldens of the oracle (make_distributions.py), a
// program that shares no code with this one.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <ATen/Parallel.h>

#include "presses/registry.h"
#include "tests/support/engines.h"
#include "tests/support/flags_and_chunks.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_model.h"

namespace kvcompare {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-9;  // of a mean over tokens

std::vector<json> cases_of(const std::string& model) {
  std::ifstream file(std::filesystem::path(KVCOMPARE_GOLDEN_DIR) / "distributions.jsonl");
  std::vector<json> cases;
  for (std::string line; std::getline(file, line);)
    if (auto one = json::parse(line); one.at("model") == model) cases.push_back(std::move(one));
  return cases;
}

FlagsAndChunks run_of(const json& golden) {
  FlagsAndChunks run;
  run.chunk_size = golden.at("chunk_size");
  run.compression_ratio = golden.at("compression_ratio").get<double>();
  run.threshold = golden.at("threshold").get<double>();
  run.sliding_window_size = 8;
  return run;
}

Sample sample_of(const json& golden, const std::vector<std::vector<TokenId>>& ids) {
  const auto index = golden.at("sample").get<std::size_t>();
  Sample sample{SampleIndex(static_cast<std::int64_t>(index)), ids.at(index)};
  for (const auto& range : golden.at("scored")) sample.scored.push_back({range.at(0), range.at(1)});
  return sample;
}

void expect_as_golden(const UnitResult& ours, const json& golden) {
  const double n = golden.at("tokens");
  EXPECT_NEAR(ours.numbers.total_nll, golden.at("total_nll").get<double>(), kTolerance * n);
  const auto answers = ours.numbers.answers.value();
  EXPECT_EQ(answers.greedy_hits, golden.at("greedy_hits"));
  EXPECT_EQ(answers.spans, golden.at("spans"));
  EXPECT_EQ(answers.spans_exact, golden.at("spans_exact"));
  ASSERT_EQ(ours.numbers.divergence.has_value(), golden.contains("sum_kl"));
  if (!ours.numbers.divergence) return;
  const auto& sums = *ours.numbers.divergence;
  EXPECT_NEAR(sums.sum_kl, golden.at("sum_kl").get<double>(), kTolerance * n);
  EXPECT_EQ(sums.n_same_top1, golden.at("same_top1"));
  EXPECT_NEAR(sums.sum_delta_p, golden.at("sum_delta_p").get<double>(), kTolerance * n);
  EXPECT_NEAR(sums.sum_delta_p_squared, golden.at("sum_delta_p_squared").get<double>(), kTolerance * n);
}

class DistributionsGolden : public testing::TestWithParam<std::tuple<std::string, EngineKind>> {};

TEST_P(DistributionsGolden, AgreeInFloat64) {
  at::set_num_threads(1);
  const auto& [model, kind] = GetParam();
  const auto& spec = tiny_model_preset(model);
  const TemporaryFolder scratch;
  write_tiny_model(scratch.path(), spec);
  const auto loaded = load_for_test(scratch.path(), scratch.path() / "scorer", at::kDouble);
  const auto ids = tiny_samples(spec);
  const auto cases = cases_of(model);
  ASSERT_FALSE(cases.empty());
  for (const auto& golden : cases) {
    const auto run = run_of(golden);
    const auto engine = make_engine(kind, loaded, run.chunk_size);
    const auto name = golden.at("method").get<std::string>();
    const auto method = make_method_spec(*find_method(name), run);
    const auto baseline = make_method_spec(*find_method("baseline"), run);
    for (const auto& of_sample : golden.at("samples")) {
      SCOPED_TRACE(name + ", chunk_size " + std::to_string(run.chunk_size) + ", sample " +
                   of_sample.at("sample").dump());
      const auto sample = sample_of(of_sample, ids);
      EngineTask task{.sample = &sample, .method = &method};
      if (name != "baseline")
        task.reference =
            engine->run({.sample = &sample, .method = &baseline, .gives_last_hidden = true}).last_hidden;
      expect_as_golden(engine->run(task).unit, of_sample);
    }
  }
}

std::vector<std::string> models() {
  std::vector<std::string> names;
  for (const TinyModelPreset& preset : tiny_model_presets()) names.emplace_back(preset.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Models, DistributionsGolden,
                         testing::Combine(testing::ValuesIn(models()), testing::ValuesIn(kCpuEngines)),
                         [](const auto& param) {
                           return std::get<0>(param.param) + "_" + name_of(std::get<1>(param.param));
                         });

}  // namespace
}  // namespace kvcompare
