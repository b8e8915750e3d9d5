#include "worker/checkpoint/weights.h"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/small_checkpoint.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Weights : public WeightsTest {};

TEST_F(Weights, AreThoseOfTheFileInEveryDtype) {
  write(small_tensors());
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    const ModelWeights weights = load(dtype);
    expect_tensor(weights.embedding, "model.embed_tokens.weight", {7, 6});
    expect_tensor(weights.final_norm, "model.norm.weight", {6});
    expect_tensor(weights.lm_head, "lm_head.weight", {7, 6});
    ASSERT_EQ(weights.layers.size(), 2U);
    const LayerWeights& layer = weights.layers[1];
    const std::string prefix = "model.layers.1.";
    expect_tensor(layer.input_norm, prefix + "input_layernorm.weight", {6});
    expect_tensor(layer.q, prefix + "self_attn.q_proj.weight", {8, 6});
    expect_tensor(layer.k, prefix + "self_attn.k_proj.weight", {4, 6});
    expect_tensor(layer.v, prefix + "self_attn.v_proj.weight", {4, 6});
    expect_tensor(layer.o, prefix + "self_attn.o_proj.weight", {6, 8});
    expect_tensor(layer.mlp_input_norm, prefix + "post_attention_layernorm.weight", {6});
    expect_tensor(layer.gate, prefix + "mlp.gate_proj.weight", {5, 6});
    expect_tensor(layer.up, prefix + "mlp.up_proj.weight", {5, 6});
    expect_tensor(layer.down, prefix + "mlp.down_proj.weight", {6, 5});
    EXPECT_EQ(layer.q.scalar_type(), dtype);
    EXPECT_FALSE(layer.q_bias.defined() || layer.o_bias.defined() || layer.q_norm.defined() ||
                 layer.up_bias.defined());
  }
}

TEST_F(Weights, HoldBiasesAndNormsWhereTheModelHasThem) {
  config_.qkv_bias = config_.o_bias = config_.mlp_bias = config_.qk_norm = true;
  const std::map<std::string, std::vector<std::int64_t>> extra{
      {"self_attn.q_proj.bias", {8}}, {"self_attn.k_proj.bias", {4}},   {"self_attn.v_proj.bias", {4}},
      {"self_attn.o_proj.bias", {6}}, {"self_attn.q_norm.weight", {4}}, {"self_attn.k_norm.weight", {4}},
      {"mlp.gate_proj.bias", {5}},    {"mlp.up_proj.bias", {5}},        {"mlp.down_proj.bias", {6}}};
  std::vector<TensorToWrite> tensors = small_tensors();
  for (const std::string prefix : {"model.layers.0.", "model.layers.1."})
    for (const auto& [name, shape] : extra) tensors.push_back(float_tensor(prefix + name, shape));
  write(tensors);
  const LayerWeights layer = load().layers[0];
  const std::string prefix = "model.layers.0.";
  expect_tensor(layer.q_bias, prefix + "self_attn.q_proj.bias", {8});
  expect_tensor(layer.k_bias, prefix + "self_attn.k_proj.bias", {4});
  expect_tensor(layer.v_bias, prefix + "self_attn.v_proj.bias", {4});
  expect_tensor(layer.o_bias, prefix + "self_attn.o_proj.bias", {6});
  expect_tensor(layer.q_norm, prefix + "self_attn.q_norm.weight", {4});
  expect_tensor(layer.k_norm, prefix + "self_attn.k_norm.weight", {4});
  expect_tensor(layer.gate_bias, prefix + "mlp.gate_proj.bias", {5});
  expect_tensor(layer.up_bias, prefix + "mlp.up_proj.bias", {5});
  expect_tensor(layer.down_bias, prefix + "mlp.down_proj.bias", {6});
  for (const auto& [name, shape] : extra) {
    std::vector<TensorToWrite> cut = tensors;
    drop(cut, prefix + name);
    write(cut);
    EXPECT_EQ(error().item, prefix + name);
  }
}

TEST_F(Weights, NameEveryTensorThatIsMissing) {
  for (const auto& [name, shape] : small_shapes()) {
    std::vector<TensorToWrite> tensors = small_tensors();
    drop(tensors, name);
    write(tensors);
    EXPECT_EQ(error().item, name);
    EXPECT_EQ(error().file, file().string());
    EXPECT_THAT(error().what(), HasSubstr("is missing"));
  }
}

TEST_F(Weights, NameEveryTensorOfAnotherShapeOrDtype) {
  for (const auto& [name, shape] : small_shapes()) {
    std::vector<TensorToWrite> tensors = small_tensors();
    tensor_named(tensors, name).shape.insert(tensor_named(tensors, name).shape.begin(), 1);
    write(tensors);
    EXPECT_EQ(error().item, name);
    EXPECT_THAT(error().what(), AllOf(HasSubstr("shape is [1, "), HasSubstr("expected [")));

    tensors = small_tensors();
    tensor_named(tensors, name).dtype = "I32";
    write(tensors);
    EXPECT_EQ(error().item, name);
    EXPECT_THAT(error().what(), HasSubstr("dtype is I32"));
  }
}

TEST_F(Weights, NameEveryTensorWithOneNaNOrInfinity) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const auto& [name, shape] : small_shapes())
    for (const float bad : {std::nanf(""), -std::nanf("1"), kInfinity, -kInfinity}) {
      std::vector<TensorToWrite> tensors = small_tensors();
      set_value(tensor_named(tensors, name), 5, bad);
      write(tensors);
      for (const at::ScalarType dtype : {at::kFloat, at::kDouble, at::kBFloat16}) {
        EXPECT_EQ(error(dtype).item, name);
        EXPECT_THAT(error(dtype).what(), HasSubstr("element 5"));
      }
    }
}

TEST_F(Weights, NameATensorWithANaNInHalfPrecision) {
  for (const auto& [dtype, bits] : {std::pair{"F16", 0xfe00}, std::pair{"F16", 0x7c00},
                                    std::pair{"BF16", 0x7fc0}, std::pair{"BF16", 0xff80}}) {
    std::vector<TensorToWrite> tensors = small_tensors();
    std::vector<std::uint16_t> values(6, 0);
    values[2] = static_cast<std::uint16_t>(bits);
    tensor_named(tensors, "model.norm.weight") = {
        "model.norm.weight", dtype, {6}, bytes_of<std::uint16_t>(values)};
    write(tensors);
    EXPECT_EQ(error().item, "model.norm.weight");
    values[2] = 0x7bff;  // the largest number of float16; also one of bfloat16
    tensor_named(tensors, "model.norm.weight").bytes = bytes_of<std::uint16_t>(values);
    write(tensors);
    EXPECT_NO_THROW(load());
  }
}

TEST_F(Weights, NameATensorThatOverflowsInTheDtypeOfTheComputation) {
  std::vector<TensorToWrite> tensors = small_tensors();
  set_value(tensor_named(tensors, "model.norm.weight"), 3, 1e6F);
  write(tensors);
  EXPECT_NO_THROW(load(at::kFloat));
  EXPECT_NO_THROW(load(at::kBFloat16));
  EXPECT_EQ(error(at::kHalf).item, "model.norm.weight");
  EXPECT_THAT(error(at::kHalf).what(), HasSubstr("element 3"));
}

// Whether the tensor's memory is a mapping of the file, as the kernel sees it.
bool is_mapped_from(const at::Tensor& tensor, const std::filesystem::path& file) {
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr());
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::size_t dash = 0;
    const std::uintptr_t begin = std::stoull(line, &dash, 16);
    const std::uintptr_t end = std::stoull(line.substr(dash + 1), nullptr, 16);
    if (begin <= address && address < end) return line.ends_with(file.string());
  }
  return false;
}

TEST_F(Weights, AreViewsOfTheFileWhereNothingIsConverted) {
  write(small_tensors());
  const ModelWeights same = load();
  const ModelWeights converted = load(at::kDouble);
  for (const at::Tensor& tensor : {same.embedding, same.layers[1].down, same.lm_head})
    EXPECT_TRUE(is_mapped_from(tensor, file()));
  EXPECT_FALSE(is_mapped_from(converted.embedding, file()));
  std::filesystem::remove(file());
  expect_tensor(same.layers[0].q, "model.layers.0.self_attn.q_proj.weight", {8, 6});
}

TEST_F(Weights, IgnoreKnownLeftoversOnly) {
  std::vector<TensorToWrite> tensors = small_tensors();
  tensors.push_back(float_tensor("model.layers.0.self_attn.rotary_emb.inv_freq", {2}));
  tensors.push_back(float_tensor("model.rotary_emb.inv_freq", {2}));
  write(tensors);
  EXPECT_NO_THROW(load());
  for (const char* name : {"model.layers.2.input_layernorm.weight", "model.layers.0.self_attn.q_proj.bias",
                           "model.layers.0.mlp.gate_proj.bias", "model.layers.0.self_attn.q_norm.weight",
                           "value_head.weight", "model.layers.00.input_layernorm.weight"}) {
    std::vector<TensorToWrite> more = small_tensors();
    more.push_back(float_tensor(name, {1}));
    write(more);
    EXPECT_EQ(error().item, name);
  }
}

// ---- tied embeddings

TEST_F(Weights, ShareStorageWhereTheHeadIsTied) {
  config_.tied_embeddings = true;
  std::vector<TensorToWrite> tensors = small_tensors();
  drop(tensors, "lm_head.weight");
  write(tensors);
  const ModelWeights weights = load(at::kDouble);
  EXPECT_EQ(weights.lm_head.const_data_ptr(), weights.embedding.const_data_ptr());
  expect_tensor(weights.lm_head, "model.embed_tokens.weight", {7, 6});
}

TEST_F(Weights, TakeTheHeadForATiedEmbeddingThatIsNotStored) {
  config_.tied_embeddings = true;
  std::vector<TensorToWrite> tensors = small_tensors();
  drop(tensors, "model.embed_tokens.weight");
  write(tensors);
  const ModelWeights weights = load();
  expect_tensor(weights.embedding, "lm_head.weight", {7, 6});
  EXPECT_EQ(weights.lm_head.const_data_ptr(), weights.embedding.const_data_ptr());
}

TEST_F(Weights, RefuseATiedModelWithTwoDifferentTensors) {
  config_.tied_embeddings = true;
  std::vector<TensorToWrite> tensors = small_tensors();
  write(tensors);
  EXPECT_EQ(error().item, "lm_head.weight");
  tensor_named(tensors, "lm_head.weight").bytes = tensor_named(tensors, "model.embed_tokens.weight").bytes;
  write(tensors);
  EXPECT_NO_THROW(load());
}

TEST_F(Weights, SayThatAMissingHeadIsNotTied) {
  std::vector<TensorToWrite> tensors = small_tensors();
  drop(tensors, "lm_head.weight");
  write(tensors);
  EXPECT_THAT(error().what(), AllOf(HasSubstr("lm_head.weight"), HasSubstr("tie_word_embeddings")));
}

TEST_F(Weights, SayWhatIsThereInsteadOfSafetensors) {
  EXPECT_THAT(error().what(), HasSubstr("there is no model.safetensors"));
  folder_.write("adapter_model.safetensors", "");
  EXPECT_THAT(error().what(), HasSubstr("merge the adapter"));
  std::filesystem::remove(folder_.path() / "adapter_model.safetensors");
  folder_.write("pytorch_model.bin", "");
  EXPECT_THAT(error().what(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("convert")));
}

// ---- what is there, by the headers

TEST_F(Weights, HaveALayoutThatOnlyHeadersChange) {
  const auto layout = [&](const std::vector<TensorToWrite>& tensors) {
    write(tensors);
    return CheckpointFiles(folder_.path()).layout_hash();
  };
  const auto hash = layout(small_tensors());
  auto other = small_tensors();
  set_value(other.front(), 0, 17);
  std::swap(other.front(), other.back());  // where a tensor lies in the file is no matter
  EXPECT_EQ(layout(other), hash);
  for (const auto change : {+[](TensorToWrite& t) { t.name = "norm.weight"; },
                            +[](TensorToWrite& t) {
                              t.shape = {2, 3};
                            },
                            +[](TensorToWrite& t) { t.dtype = "I32"; }}) {
    other = small_tensors();
    change(tensor_named(other, "model.norm.weight"));
    EXPECT_NE(layout(other), hash);
  }
}

}  // namespace
}  // namespace kvcompare
