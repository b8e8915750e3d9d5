#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "tests/support/assets.h"
#include "tests/support/error_of.h"
#include "worker/checkpoint/decoder_tensors.h"
#include "worker/checkpoint/model_config.h"
#include "worker/checkpoint/weights.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using json = nlohmann::json;

// ---- published lists of tensors, without the weights

std::vector<std::string> listed_names(const std::string& index) {
  const json parsed = json::parse(std::ifstream(*test_assets() / "index" / index));
  std::vector<std::string> names;
  for (const auto& [name, shard] : parsed["weight_map"].items()) names.push_back(name);
  return names;
}

Decoder published_decoder(const std::string& config) {
  return read_model_config(*test_assets() / "configs" / config).decoder;
}

TEST(PublishedIndex, ListsTheTensorsOfItsModel) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  for (const auto& [config, index] : {std::pair{"llama-3.1-8b-instruct.json", "llama-3.1-8b.index.json"},
                                      std::pair{"llama-2-7b.json", "llama-2-7b.index.json"},
                                      std::pair{"mistral-24b-dolphin3.json", "mistral-24b.index.json"},
                                      std::pair{"qwen2-14b-cogito.json", "qwen2-14b.index.json"}}) {
    const std::vector<std::string> names = listed_names(index);
    EXPECT_NO_THROW(check_tensor_names(published_decoder(config), names, index)) << index;
    for (std::size_t i = 0; i < names.size(); i += 17) {
      std::vector<std::string> cut = names;
      cut.erase(cut.begin() + static_cast<std::ptrdiff_t>(i));
      if (names[i].ends_with("inv_freq")) continue;
      const auto error =
          error_of<CheckpointError>([&] { check_tensor_names(published_decoder(config), cut, index); });
      EXPECT_EQ(error.item, names[i]);
    }
  }
}

TEST(PublishedIndex, AddsUpToTheSizeThatItStates) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  std::int64_t bytes = 0;
  for (const ExpectedTensor& tensor : expected_tensors(published_decoder("llama-3.1-8b-instruct.json"))) {
    std::int64_t n = 2;
    for (const std::int64_t size : tensor.shape) n *= size;
    bytes += n;
  }
  EXPECT_EQ(bytes, 16060522496);  // metadata.total_size of llama-3.1-8b.index.json
}

TEST(PublishedIndex, IsRefusedWhereTheModelIsQuantisedOrMultimodal) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  const auto message = [](const std::string& index) {
    const std::vector<std::string> names = listed_names(index);
    return std::string(error_of<CheckpointError>([&] {
                         check_tensor_names(published_decoder("llama-3.1-8b-instruct.json"), names, index);
                       }).what());
  };
  EXPECT_THAT(message("llama-3.1-8b-bnb-int8.index.json"), AllOf(HasSubstr(".SCB"), HasSubstr("quantised")));
  EXPECT_THAT(message("llama3v-multimodal.index.json"), HasSubstr("prefix 'llm.'"));
}

// ---- three forms of one trained model

TEST(Stories260K, HasTheSameWeightsInAllThreeForms) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  const auto load = [](const std::string& folder) {
    const std::filesystem::path path = *test_assets() / "models" / folder;
    return load_weights(path, read_model_config(path / "config.json").decoder, at::kFloat, at::kCPU);
  };
  const ModelWeights f32 = load("stories260K");
  const ModelWeights bf16 = load("stories260K-bf16-sharded");
  const ModelWeights f16 = load("stories260K-f16-untied");
  ASSERT_EQ(f32.layers.size(), 5U);
  EXPECT_EQ(f32.lm_head.const_data_ptr(), f32.embedding.const_data_ptr());
  EXPECT_NE(f16.lm_head.const_data_ptr(), f16.embedding.const_data_ptr());
  for (const auto& [exact, rounded] :
       {std::pair{f32.embedding, bf16.embedding}, std::pair{f32.final_norm, bf16.final_norm},
        std::pair{f32.layers[4].down, bf16.layers[4].down}, std::pair{f32.layers[0].k, bf16.layers[0].k}})
    EXPECT_TRUE(exact.to(at::kBFloat16).to(at::kFloat).equal(rounded));
  for (const auto& [exact, rounded] :
       {std::pair{f32.embedding, f16.embedding}, std::pair{f32.lm_head, f16.lm_head},
        std::pair{f32.layers[2].gate, f16.layers[2].gate}, std::pair{f32.layers[3].o, f16.layers[3].o}})
    EXPECT_TRUE(exact.to(at::kHalf).to(at::kFloat).equal(rounded));
}

}  // namespace
}  // namespace kvcompare
