#include "worker/checkpoint/kvzap_checkpoint.h"

#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "tests/support/assets.h"
#include "tests/support/decoder_of_two_layers.h"
#include "tests/support/error_of.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/model_config.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using json = nlohmann::json;

TensorToWrite filled(const std::string& name, const std::vector<std::int64_t>& shape, float value) {
  std::size_t n = 1;
  for (const std::int64_t size : shape) n *= static_cast<std::size_t>(size);
  return {name, "F32", shape, bytes_of<float>(std::vector<float>(n, value))};
}

// A scorer on disk: mlp or linear, for decoder_of_two_layers().
class KvzapCheckpoint : public ::testing::Test {
 protected:
  void make_mlp() {
    config_["hidden_dim"] = 3;
    for (const std::string layer : {"layers.0.", "layers.1."}) {
      tensors_.push_back(filled(layer + "0.weight", {3, 6}, 1));
      tensors_.push_back(filled(layer + "0.bias", {3}, 2));
      tensors_.push_back(filled(layer + "2.weight", {2, 3}, 3));
      tensors_.push_back(filled(layer + "2.bias", {2}, 4));
    }
  }
  void make_linear() {
    config_["hidden_dim"] = nullptr;
    for (const std::string layer : {"layers.0.", "layers.1."}) {
      tensors_.push_back(filled(layer + "weight", {2, 6}, 1));
      tensors_.push_back(filled(layer + "bias", {2}, 2));
    }
  }
  KvzapSurrogate load(const std::optional<std::string>& type = std::nullopt) const {
    folder_.write("config.json", config_.dump());
    write_safetensors(folder_.path() / "model.safetensors", tensors_);
    return load_kvzap_surrogate(folder_.path(), decoder_of_two_layers(), type, at::kDouble, at::kCPU);
  }
  CheckpointError error() const {
    return error_of<CheckpointError>([&] { load(); });
  }

  TemporaryFolder folder_;
  json config_{{"model_type", "kvzap"}, {"n_modules", 2}, {"input_dim", 6}, {"output_dim", 2}};
  std::vector<TensorToWrite> tensors_;
};

void expect_filled(const at::Tensor& tensor, const std::vector<std::int64_t>& shape, double value) {
  EXPECT_EQ(tensor.sizes().vec(), shape);
  EXPECT_EQ(tensor.scalar_type(), at::kDouble);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) EXPECT_EQ(tensor.const_data_ptr<double>()[i], value);
}

TEST_F(KvzapCheckpoint, IsReadAsTwoLinearsForAnMlp) {
  make_mlp();
  const KvzapSurrogate surrogate = load("mlp");
  ASSERT_EQ(surrogate.layers.size(), 2U);
  for (const KvzapSurrogate::Layer& layer : surrogate.layers) {
    ASSERT_EQ(layer.linears.size(), 2U);
    expect_filled(layer.linears[0].weight, {3, 6}, 1);
    expect_filled(layer.linears[0].bias, {3}, 2);
    expect_filled(layer.linears[1].weight, {2, 3}, 3);
    expect_filled(layer.linears[1].bias, {2}, 4);
  }
}

TEST_F(KvzapCheckpoint, IsReadAsOneLinearForANullHiddenDim) {
  make_linear();
  const KvzapSurrogate surrogate = load("linear");
  ASSERT_EQ(surrogate.layers.size(), 2U);
  ASSERT_EQ(surrogate.layers[1].linears.size(), 1U);
  expect_filled(surrogate.layers[1].linears[0].weight, {2, 6}, 1);
  expect_filled(surrogate.layers[1].linears[0].bias, {2}, 2);
}

TEST_F(KvzapCheckpoint, RefusesATypeThatItIsNot) {
  make_mlp();
  const auto contradiction = error_of<ConfigError>([&] { load("linear"); });
  EXPECT_EQ(contradiction.key, "kvzap_model_type");
  EXPECT_THAT(contradiction.what(), AllOf(HasSubstr("linear"), HasSubstr("mlp")));
  EXPECT_EQ(error_of<ConfigError>([&] { load("tree"); }).key, "kvzap_model_type");
}

TEST_F(KvzapCheckpoint, NamesBothSizesWhereItDoesNotFitTheModel) {
  make_mlp();
  for (const char* key : {"n_modules", "input_dim", "output_dim"}) {
    const json kept = config_;
    config_[key] = 99;
    EXPECT_EQ(error().item, key);
    EXPECT_THAT(error().what(), AllOf(HasSubstr("is 99"), HasSubstr("another model")));
    config_ = kept;
  }
}

TEST_F(KvzapCheckpoint, NamesAKeyThatIsMissingOrOfAnotherType) {
  make_mlp();
  for (const char* key : {"n_modules", "input_dim", "output_dim", "hidden_dim"}) {
    const json kept = config_;
    config_[key] = "6";
    EXPECT_EQ(error().item, key);
    config_.erase(key);
    EXPECT_EQ(error().item, key);
    config_ = kept;
  }
  config_["model_type"] = "llama";
  EXPECT_EQ(error().item, "model_type");
}

TEST_F(KvzapCheckpoint, NamesATensorThatIsMissingUnexpectedMisshapedOrNotFinite) {
  make_mlp();
  const std::vector<TensorToWrite> whole = tensors_;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    tensors_ = whole;
    tensors_.erase(tensors_.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(error().item, whole[i].name);
    tensors_ = whole;
    tensors_[i].shape.push_back(1);
    EXPECT_EQ(error().item, whole[i].name);
    tensors_ = whole;
    tensors_[i] = filled(whole[i].name, whole[i].shape, std::nanf(""));
    EXPECT_EQ(error().item, whole[i].name);
  }
  tensors_ = whole;
  tensors_.push_back(filled("layers.2.0.weight", {3, 6}, 1));
  EXPECT_EQ(error().item, "layers.2.0.weight");
}

TEST(PublishedKvzapConfig, IsReadUpToTheMissingWeights) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  for (const auto& [scorer, model] :
       {std::pair{"kvzap-mlp-qwen3-8b.json", "qwen3-8b.json"},
        std::pair{"kvzap-linear-llama-3.1-8b.json", "llama-3.1-8b-instruct.json"}}) {
    const TemporaryFolder folder;
    std::filesystem::copy_file(*test_assets() / "configs" / scorer, folder.path() / "config.json");
    const auto decoder = read_model_config(*test_assets() / "configs" / model).decoder;
    const auto error = error_of<CheckpointError>(
        [&] { load_kvzap_surrogate(folder.path(), decoder, std::nullopt, at::kFloat, at::kCPU); });
    EXPECT_THAT(error.what(), HasSubstr("there is no model.safetensors"));
  }
}

}  // namespace
}  // namespace kvcompare
