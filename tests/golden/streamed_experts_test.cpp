// Experts that are read once a router has chosen them: the numbers are those of experts in memory, and
// nothing is read of an expert that no token passes.
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <ATen/Parallel.h>

#include "common/errors.h"
#include "presses/registry.h"
#include "tests/support/error_of.h"
#include "tests/support/family_checkpoint.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/model_config.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/weights.h"
#include "worker/cpu/packed_weights.h"
#include "worker/cpu/tiled_engine.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

nlohmann::json golden_with_experts(const std::string& name) {
  std::ifstream file(std::filesystem::path(KVCOMPARE_GOLDEN_DIR) / "families.jsonl");
  for (std::string line; std::getline(file, line);)
    if (auto golden = nlohmann::json::parse(line); golden.at("name") == name) return golden;
  throw std::logic_error("no golden is named " + name);
}

MethodSpec halving(const std::string& name) {
  MethodFlags flags;
  flags.compression_ratio = 0.5;
  flags.set("n_sink", 2);
  return make_method_spec(*find_method(name), flags);
}

class StreamedExperts : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }

  StreamedExperts() : golden_(golden_with_experts(GetParam())) {
    write_family_checkpoint(folder_.path(), golden_.at("config").dump(), golden_.at("seed"));
    decoder_ = read_model_config(file("config.json")).decoder;
  }

  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }

  PackedWeights packed(at::ScalarType type, std::optional<std::int64_t> max_bytes) const {
    return {decoder_, CheckpointWeights(folder_.path(), decoder_, type, at::kCPU), max_bytes};
  }

  // The most with which not all weights stay in memory: one byte less than their matrices.
  std::int64_t not_quite_all(at::ScalarType type) const {
    auto n = decoder_.hidden_size * decoder_.vocab_size;
    for (std::int64_t l = 0; l < decoder_.n_layers(); ++l) n += n_layer_matrix_numbers(decoder_, l);
    return n * static_cast<std::int64_t>(c10::elementSize(type)) - 1;
  }

  static std::unique_ptr<Engine> engine_on(PackedWeights& weights) {
    return make_tiled_engine(weights, {}, {.chunk_size = 8, .n_threads = 2});
  }

  // Of both tokens of a sample that has the same token twice: where no sink makes a difference they have the
  // same states in all layers, and pass the same experts.
  std::vector<double> nll_of_two_tokens(Engine& engine) const {
    return engine.run({SampleIndex(0), {5, 5}}, halving("baseline")).token_nll;
  }

  nlohmann::json golden_;
  TemporaryFolder folder_;
  Decoder decoder_;
};

// Units of several methods and lengths together, the longest of three row tiles.
TEST_P(StreamedExperts, GiveTheBitsOfExpertsInMemory) {
  const auto of_golden = golden_.at("samples").at(0).get<std::vector<TokenId>>();
  std::vector<TokenId> ids;
  for (int i = 0; i < 3; ++i) ids.insert(ids.end(), of_golden.begin(), of_golden.end());
  const std::vector<Sample> samples{
      {SampleIndex(0), ids}, {SampleIndex(1), golden_.at("samples").at(1).get<std::vector<TokenId>>()}};
  const std::vector<MethodSpec> methods{halving("baseline"), halving("streaming_llm"),
                                        halving("expected_attention")};
  std::vector<EngineTask> tasks;
  for (const auto& sample : samples)
    for (const auto& method : methods) tasks.push_back({.sample = &sample, .method = &method});
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    SCOPED_TRACE(c10::toString(type));
    auto resident = packed(type, std::nullopt), streamed = packed(type, not_quite_all(type));
    ASSERT_FALSE(resident.streams());
    ASSERT_TRUE(streamed.streams());
    const auto expected = engine_on(resident)->run_together(tasks);
    const auto engine = engine_on(streamed);
    for (int pass = 0; pass < 2; ++pass) {
      const auto actual = engine->run_together(tasks);
      ASSERT_EQ(actual.size(), expected.size());
      for (std::size_t i = 0; i < actual.size(); ++i)
        ASSERT_EQ(std::get<EngineResult>(actual[i]).unit.token_nll,
                  std::get<EngineResult>(expected[i]).unit.token_nll)
            << "task " << i;
    }
  }
}

// Two bytes of an expert become a NaN once all weights were read and checked. Who reads the expert again is
// refused; who does not cannot know.
TEST_P(StreamedExperts, AreNotReadUnlessATokenPassesThem) {
  auto weights = packed(at::kFloat, not_quite_all(at::kFloat));
  const auto engine = engine_on(weights);
  const auto expected = nll_of_two_tokens(*engine);
  const SafetensorsFile layout(file("model.safetensors"));
  std::fstream bytes(file("model.safetensors"), std::ios::in | std::ios::out | std::ios::binary);
  const auto exchange = [&](std::uint64_t at, const std::string& by) {
    std::string there(by.size(), ' ');
    bytes.seekg(static_cast<std::streamoff>(at)).read(there.data(), std::ssize(there));
    bytes.seekp(static_cast<std::streamoff>(at)).write(by.data(), std::ssize(by)).flush();
    return there;
  };
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l) {
    const auto& shape = decoder_.layer(l).mlp.experts;
    if (shape.n == 0) continue;
    std::int64_t n_read = 0;
    for (const auto& fused : layer_tensors(decoder_, l)) {
      if (fused.member != &FusedLayer::down) continue;
      for (const auto& stored : fused.parts) {
        const auto name = layer_prefix(l) + stored.name;
        const auto& entry = *layout.find(name);
        const auto first = stored.n_stacked > 0 ? stored.expert * stored.n_numbers() * 2 : 0;
        const auto at = layout.offset(entry) + static_cast<std::uint64_t>(first);
        const auto good = exchange(at, "\xff\xff");
        try {
          ASSERT_EQ(nll_of_two_tokens(*engine), expected) << name;
        } catch (const CheckpointError& error) {
          EXPECT_EQ(error.item, name);
          ++n_read;
        }
        exchange(at, good);
      }
    }
    EXPECT_GE(n_read, shape.n_chosen) << "layer " << l;
    EXPECT_LT(n_read, shape.n) << "layer " << l;
  }
  EXPECT_EQ(nll_of_two_tokens(*engine), expected);
}

// mixtral, by hand: a layer has 2 * 32 * 32 + 2 * 32 * 16 + 32 * 4 numbers beside its four experts of 3 * 32
// * 40. Of those one is in use, one is being read, and the third is what that is converted from.
TEST(StreamedExpertsMemory, IsThatOfAFewExpertsNotOfALayer) {
  const auto golden = golden_with_experts("mixtral");
  const TemporaryFolder folder;
  write_family_checkpoint(folder.path(), golden.at("config").dump(), golden.at("seed"));
  const auto decoder = read_model_config(folder.path() / "config.json").decoder;
  const auto streams_with = [&](std::int64_t max_bytes) {
    return PackedWeights(decoder, {folder.path(), decoder, at::kFloat, at::kCPU}, max_bytes).streams();
  };
  constexpr std::int64_t kNeeded = 4 * (2 * 32 * 32 + 2 * 32 * 16 + 32 * 4 + 3 * (3 * 32 * 40));
  EXPECT_TRUE(streams_with(kNeeded));
  const auto error = error_of<ConfigError>([&] { streams_with(kNeeded - 1); });
  EXPECT_EQ(error.key, "max_weight_memory");
}

INSTANTIATE_TEST_SUITE_P(Of, StreamedExperts,
                         testing::Values("mixtral", "qwen3_moe", "qwen3_moe_sparse", "gpt_oss"),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace kvcompare
