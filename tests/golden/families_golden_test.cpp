// Tiny models of every family: the engines against goldens of transformers (make_families.py), and against
// each other under eviction.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <ATen/Parallel.h>

#include "common/errors.h"
#include "presses/registry.h"
#include "tests/support/engines.h"
#include "tests/support/error_of.h"
#include "tests/support/family_checkpoint.h"
#include "tests/support/flags_and_chunks.h"
#include "tests/support/gpu_model.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/same_counts.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

using nlohmann::json;

std::vector<json> golden_models() {
  std::ifstream file(std::filesystem::path(KVCOMPARE_GOLDEN_DIR) / "families.jsonl");
  std::vector<json> models;
  for (std::string line; std::getline(file, line);) models.push_back(json::parse(line));
  return models;
}

MethodSpec method_of(const std::string& name) {
  MethodFlags run;
  run.compression_ratio = 0.5;
  run.set("n_sink", 2);
  return make_method_spec(*find_method(name), run);
}

class Families : public testing::TestWithParam<json> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }

  Families() {
    const auto& golden = GetParam();
    EXPECT_EQ(write_family_checkpoint(folder_.path(), golden.at("config").dump(), golden.at("seed")),
              golden.at("weights").get<std::string>())
        << "the tests make other weights than those of the golden";
    decoder_ = read_model_config(folder_.path() / "config.json").decoder;
    for (const auto& ids : golden.at("samples"))
      samples_.push_back({SampleIndex(std::ssize(samples_)), ids.get<std::vector<TokenId>>()});
  }

  ModelForTest load(at::ScalarType type, std::optional<std::int64_t> max_bytes = std::nullopt) const {
    return load_for_test(folder_.path(), decoder_, folder_.path() / "scorer", type, max_bytes);
  }

  void expect_golden(const std::vector<double>& nll, std::size_t sample, double tolerance) const {
    const auto expected = GetParam().at("token_nll").at(sample).get<std::vector<double>>();
    ASSERT_EQ(nll.size(), expected.size());
    for (std::size_t t = 0; t < nll.size(); ++t)
      ASSERT_NEAR(nll[t], expected[t], tolerance * std::max(1.0, expected[t])) << "token " << t + 1;
  }

  TemporaryFolder folder_;
  Decoder decoder_;
  std::vector<Sample> samples_;
};

// transformers computes angles in float32, whatever the number format of the model.
constexpr double kTolerance = 2e-5;

TEST_P(Families, GiveTheNllOfTransformers) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const auto loaded = load(type);
    for (std::size_t s = 0; s < samples_.size(); ++s)
      for (const auto kind : kCpuEngines)
        for (const std::int64_t chunk_size : {7, 1000}) {
          SCOPED_TRACE(name_of(kind) + ", sample " + std::to_string(s) + ", chunk_size " +
                       std::to_string(chunk_size) + ", " + c10::toString(type));
          const auto result = make_engine(kind, loaded, chunk_size)->run(samples_[s], method_of("baseline"));
          expect_golden(result.token_nll, s, kTolerance);
        }
  }
}

TEST_P(Families, GiveTheNllOfTransformersOnTheGpuEngine) {
  const GpuModelForTest gpu(folder_.path(), decoder_, at::kFloat);
  for (std::size_t s = 0; s < samples_.size(); ++s)
    expect_golden(gpu.engine({.chunk_size = 8})->run(samples_[s], method_of("baseline")).token_nll, s,
                  kTolerance);
}

TEST_P(Families, AreTheSameStreamedLayerByLayer) {
  const auto method = method_of("streaming_llm");
  const auto resident = load(at::kFloat);
  const auto expected = make_engine(EngineKind::kTiled, resident, 8)->run(samples_[0], method).token_nll;
  std::int64_t largest = decoder_.hidden_size * decoder_.vocab_size;
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l)
    largest = std::max(largest, n_layer_matrix_numbers(decoder_, l));
  // Three layers are enough for streaming; where these are all, experts one by one need less.
  auto streamed_on_cpu = load(at::kFloat, 3 * largest * 4);
  if (!streamed_on_cpu.packed->streams()) {
    const auto all = decoder_.hidden_size * decoder_.vocab_size + n_decoder_numbers(decoder_);
    streamed_on_cpu = load(at::kFloat, all * 3 / 4 * 4);
  }
  ASSERT_TRUE(streamed_on_cpu.packed->streams());
  EXPECT_EQ(make_engine(EngineKind::kTiled, streamed_on_cpu, 8)->run(samples_[0], method).token_nll,
            expected);
  const GpuModelForTest gpu(folder_.path(), decoder_, at::kFloat);
  const GpuModelForTest streamed(folder_.path(), decoder_, at::kFloat,
                                 {.max_bytes = 4 * n_streamed_numbers(decoder_)});
  ASSERT_TRUE(streamed.is_streamed());
  EXPECT_EQ(streamed.engine({.chunk_size = 8})->run(samples_[0], method).token_nll,
            gpu.engine({.chunk_size = 8})->run(samples_[0], method).token_nll);
}

// A checkpoint of a larger model, which has other names for the tensors and others beside them.
TEST(FamiliesGolden, AreReadOutOfAModelWithImages) {
  const auto models = golden_models();
  const auto golden = *std::ranges::find(
      models, "gemma3_text", [](const json& model) { return model.at("name").get<std::string>(); });
  const TemporaryFolder folder;
  write_family_checkpoint(folder.path() / "text", golden.at("config").dump(), golden.at("seed"));
  const SafetensorsFile text(folder.path() / "text/model.safetensors");
  for (const std::string layout : {"language_model.", "model.language_model."}) {
    const auto whole = folder.path() / layout;
    std::filesystem::create_directories(whole);
    std::ofstream(whole / "config.json")
        << json{{"model_type", "gemma3"}, {"text_config", golden.at("config")}};
    std::vector<TensorToWrite> tensors{
        {"vision_tower.vision_model.post_layernorm.weight", "BF16", {1}, "ab"},
        {"model.multi_modal_projector.mm_soft_emb_norm.weight", "BF16", {1}, "ab"}};
    for (const auto& entry : text.entries()) {
      const auto name =
          layout == "language_model." ? entry.name : entry.name.substr(std::string("model.").size());
      const auto tensor = text.tensor(entry.name);
      tensors.push_back({layout + name,
                         "BF16",
                         entry.shape,
                         {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()}});
    }
    write_safetensors(whole / "model.safetensors", tensors);
    const auto decoder = read_model_config(whole / "config.json").decoder;
    const auto loaded = load_for_test(whole, decoder, folder.path() / "text/scorer", at::kFloat);
    const Sample sample{SampleIndex(0), golden.at("samples").at(0).get<std::vector<TokenId>>()};
    for (const auto kind : kCpuEngines) {
      const auto expected = golden.at("token_nll").at(0).get<std::vector<double>>();
      const auto actual = make_engine(kind, loaded, 8)->run(sample, method_of("baseline")).token_nll;
      ASSERT_EQ(actual.size(), expected.size());
      for (std::size_t t = 0; t < actual.size(); ++t)
        ASSERT_NEAR(actual[t], expected[t], kTolerance * std::max(1.0, expected[t])) << layout;
    }
    tensors.push_back(tensors.back());
    tensors.back().name = "model.norm.weight";
    const auto twice = folder.path() / (layout + "twice");
    std::filesystem::create_directories(twice);
    write_safetensors(twice / "model.safetensors", tensors);
    const auto error = error_of<CheckpointError>([&] { load_weights(twice, decoder, at::kFloat, at::kCPU); });
    EXPECT_EQ(error.item, "model.norm.weight") << layout;
  }
}

struct Evicted {
  UnitResult result;
  AllDeaths deaths;
};

// Stepwise = tiled in float64, and the GPU engine with the deaths of its own float32 scores: where these are
// the same, so are the numbers.
TEST_P(Families, AreEvictedAlikeByAllEngines) {
  const auto loaded = load(at::kDouble);
  const GpuModelForTest gpu(folder_.path(), decoder_, at::kFloat);
  const auto& sample = samples_[0];
  const auto n_tokens = std::ssize(sample.ids);
  const bool are_scaled = n_tokens > n_unscaled_queries(decoder_).value_or(n_tokens);
  for (const char* name : {"streaming_llm", "expected_attention", "observed_attention"}) {
    if (are_scaled && find_method(name)->expects_queries) continue;  // refused before it gets here
    std::int64_t n_same = 0;
    for (const std::int64_t chunk_size : {std::int64_t{1}, std::int64_t{8}, n_tokens}) {
      SCOPED_TRACE(std::string(name) + ", chunk_size " + std::to_string(chunk_size));
      const auto method = method_of(name);
      const auto run = [&](EngineKind kind) {
        DeathCollector collector(decoder_.n_layers(), heads_of(decoder_).n_kv_heads, {n_tokens, chunk_size});
        auto result = make_engine(kind, loaded, chunk_size, collector.observer())->run(sample, method);
        return Evicted{std::move(result), collector.deaths()};
      };
      const auto stepwise = run(EngineKind::kStepwise), tiled = run(EngineKind::kTiled);
      ASSERT_TRUE(tiled.deaths == stepwise.deaths);
      expect_same_counts(tiled.result, stepwise.result);
      for (std::size_t t = 0; t < stepwise.result.token_nll.size(); ++t)
        ASSERT_NEAR(tiled.result.token_nll[t], stepwise.result.token_nll[t], 1e-9);
      // Of a layer that does not evict nobody is told.
      const auto n_kv_heads = heads_of(decoder_).n_kv_heads;
      AllDeaths of_gpu(static_cast<std::size_t>(decoder_.n_layers() * n_kv_heads),
                       std::vector<DeathTime>(static_cast<std::size_t>(n_tokens), kNever));
      const auto observe = [&](LayerIndex layer, std::int64_t h, std::span<const DeathTime> of_head) {
        of_gpu[static_cast<std::size_t>(layer.value * n_kv_heads + h)].assign(of_head.begin(), of_head.end());
      };
      const auto actual =
          gpu.engine({.chunk_size = chunk_size, .observe_deaths = observe})->run(sample, method);
      if (of_gpu != stepwise.deaths) continue;  // a score that nearly ties
      ++n_same;
      for (std::size_t t = 0; t < stepwise.result.token_nll.size(); ++t)
        ASSERT_NEAR(actual.token_nll[t], stepwise.result.token_nll[t], 2e-4);
    }
    // A chunk of the whole sample evicts when no query is left.
    EXPECT_GE(n_same, 2) << name << ": more than scores that nearly tie can explain";
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Families, testing::ValuesIn(golden_models()), [](const auto& model) {
  return model.param.at("name").template get<std::string>();
});

TEST(FamiliesGolden, HaveEveryFamily) {
  std::set<std::string> of_goldens, all;
  for (const auto& golden : golden_models()) of_goldens.insert(golden.at("config").at("model_type"));
  for (const auto& family : families())
    if (!family.has_text_config) all.insert(std::string(family.model_type));
  EXPECT_EQ(of_goldens, all);
}

}  // namespace
}  // namespace kvcompare
