#include "worker/checkpoint/weights.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "tests/support/assets.h"
#include "tests/support/error_of.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/checkpoint_files.h"
#include "worker/checkpoint/decoder_tensors.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using json = nlohmann::json;

// ---- a model that the tests write tensor by tensor

ModelConfig small_config() {
  ModelConfig config;
  config.model_type = "llama";
  config.vocab_size = 7;
  config.hidden_size = 6;
  config.intermediate_size = 5;
  config.n_layers = 2;
  config.n_heads = 2;
  config.n_kv_heads = 1;
  config.head_dim = 4;
  config.rms_norm_eps = 1e-5;
  config.max_position_embeddings = 16;
  return config;
}

// Written out, not taken from expected_tensors.
std::map<std::string, std::vector<std::int64_t>> small_shapes() {
  std::map<std::string, std::vector<std::int64_t>> shapes{
      {"model.embed_tokens.weight", {7, 6}}, {"model.norm.weight", {6}}, {"lm_head.weight", {7, 6}}};
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    shapes[layer + "input_layernorm.weight"] = {6};
    shapes[layer + "post_attention_layernorm.weight"] = {6};
    shapes[layer + "self_attn.q_proj.weight"] = {8, 6};
    shapes[layer + "self_attn.k_proj.weight"] = {4, 6};
    shapes[layer + "self_attn.v_proj.weight"] = {4, 6};
    shapes[layer + "self_attn.o_proj.weight"] = {6, 8};
    shapes[layer + "mlp.gate_proj.weight"] = {5, 6};
    shapes[layer + "mlp.up_proj.weight"] = {5, 6};
    shapes[layer + "mlp.down_proj.weight"] = {6, 5};
  }
  return shapes;
}

// The i-th value of the tensor: exact in every dtype, different from tensor to tensor.
float value_at(const std::string& name, std::int64_t i) {
  std::int64_t offset = 0;
  for (const char c : name) offset += c;
  return static_cast<float>((offset + i) % 61 - 30) / 4;
}

TensorToWrite float_tensor(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  std::vector<float> values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(value_at(name, i));
  return {name, "F32", shape, bytes_of<float>(values)};
}

std::vector<TensorToWrite> small_tensors() {
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, shape] : small_shapes()) tensors.push_back(float_tensor(name, shape));
  return tensors;
}

TensorToWrite& tensor_named(std::vector<TensorToWrite>& tensors, const std::string& name) {
  return *std::find_if(tensors.begin(), tensors.end(),
                       [&](const TensorToWrite& t) { return t.name == name; });
}

void drop(std::vector<TensorToWrite>& tensors, const std::string& name) {
  std::erase_if(tensors, [&](const TensorToWrite& t) { return t.name == name; });
}

void set_value(TensorToWrite& tensor, std::size_t i, float value) {
  std::memcpy(tensor.bytes.data() + i * sizeof(float), &value, sizeof(float));
}

void expect_tensor(const at::Tensor& tensor, const std::string& name,
                   const std::vector<std::int64_t>& shape) {
  EXPECT_EQ(tensor.sizes().vec(), shape) << name;
  const at::Tensor wide = tensor.to(at::kFloat).contiguous();
  for (std::int64_t i = 0; i < wide.numel(); ++i)
    ASSERT_EQ(wide.const_data_ptr<float>()[i], value_at(name, i)) << name << '[' << i << ']';
}

class Weights : public ::testing::Test {
 protected:
  void write(const std::vector<TensorToWrite>& tensors) const { write_safetensors(file(), tensors); }
  std::filesystem::path file() const { return folder_.path() / "model.safetensors"; }
  ModelWeights load(at::ScalarType dtype = at::kFloat) const {
    return load_weights(folder_.path(), config_, dtype, at::kCPU);
  }
  CheckpointError error(at::ScalarType dtype = at::kFloat) const {
    return error_of<CheckpointError>([&] { load(dtype); });
  }

  TemporaryFolder folder_;
  ModelConfig config_ = small_config();
};

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
    expect_tensor(layer.post_attention_norm, prefix + "post_attention_layernorm.weight", {6});
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

// ---- shards

class Shards : public Weights {
 protected:
  // The tensors up to and including model.layers.0.* in a.safetensors, the others in b.safetensors.
  Shards() {
    for (const TensorToWrite& tensor : small_tensors()) {
      const bool first = tensor.name < "model.layers.1";
      (first ? a_ : b_).push_back(tensor);
      index_["weight_map"][tensor.name] = first ? "a.safetensors" : "b.safetensors";
    }
  }
  void write_shards() const {
    write_safetensors(folder_.path() / "a.safetensors", a_);
    write_safetensors(folder_.path() / "b.safetensors", b_);
    folder_.write("model.safetensors.index.json", index_.dump());
  }
  CheckpointError shard_error() const {
    write_shards();
    return error();
  }

  std::vector<TensorToWrite> a_, b_;
  json index_{{"metadata", {{"total_size", 1}}}};
};

TEST_F(Shards, HoldTheSameWeightsAsOneFile) {
  write_shards();
  const ModelWeights weights = load();
  expect_tensor(weights.lm_head, "lm_head.weight", {7, 6});
  expect_tensor(weights.layers[0].down, "model.layers.0.mlp.down_proj.weight", {6, 5});
  expect_tensor(weights.layers[1].down, "model.layers.1.mlp.down_proj.weight", {6, 5});
  EXPECT_FALSE(a_.empty() || b_.empty());
}

TEST_F(Shards, NameAShardThatIsNotThere) {
  write_shards();
  std::filesystem::remove(folder_.path() / "b.safetensors");
  EXPECT_THAT(error().what(), AllOf(HasSubstr("b.safetensors"), HasSubstr("not there")));
}

TEST_F(Shards, NameATensorThatIsListedButAbsent) {
  drop(b_, "model.norm.weight");
  EXPECT_EQ(shard_error().item, "model.norm.weight");
  EXPECT_THAT(error().file, HasSubstr("b.safetensors"));
}

TEST_F(Shards, NameATensorThatIsListedInAnotherShard) {
  index_["weight_map"]["model.norm.weight"] = "a.safetensors";
  EXPECT_EQ(shard_error().item, "model.norm.weight");
}

TEST_F(Shards, NameATensorThatIsInTwoShards) {
  a_.push_back(float_tensor("model.norm.weight", {6}));
  EXPECT_EQ(shard_error().item, "model.norm.weight");
  EXPECT_THAT(error().what(), HasSubstr("also in b.safetensors"));
}

TEST_F(Shards, NameATensorThatIsNotListed) {
  b_.push_back(float_tensor("model.extra.weight", {6}));
  EXPECT_EQ(shard_error().item, "model.extra.weight");
  b_.pop_back();
  index_["weight_map"].erase("model.norm.weight");
  EXPECT_EQ(shard_error().item, "model.norm.weight");
}

TEST_F(Shards, RefuseAnIndexThatLeavesItsFolder) {
  for (const char* shard :
       {"../a.safetensors", "/etc/a.safetensors", "sub/a.safetensors", "..", "", "a.bin"}) {
    index_["weight_map"]["lm_head.weight"] = shard;
    EXPECT_EQ(shard_error().item, "weight_map.lm_head.weight") << shard;
  }
}

TEST_F(Shards, RefuseAnIndexThatIsNone) {
  for (const char* text :
       {"", "[]", "{}", R"({"weight_map":{}})", R"({"weight_map":[]})", R"({"weight_map":{"a":1}})"}) {
    folder_.write("model.safetensors.index.json", text);
    EXPECT_THAT(error().file, HasSubstr("model.safetensors.index.json")) << text;
  }
}

TEST_F(Shards, AreRefusedBesideASingleFile) {
  write_shards();
  write(small_tensors());
  EXPECT_THAT(error().what(), HasSubstr("holds both"));
}

TEST_F(Shards, NameTheFileThatIsDamaged) {
  write_shards();
  folder_.write("b.safetensors", "cut");
  EXPECT_THAT(error().file, HasSubstr("b.safetensors"));
}

TEST_F(Weights, SayWhatIsThereInsteadOfSafetensors) {
  EXPECT_THAT(error().what(), HasSubstr("there is no model.safetensors"));
  folder_.write("adapter_model.safetensors", "");
  EXPECT_THAT(error().what(), HasSubstr("merge the adapter"));
  std::filesystem::remove(folder_.path() / "adapter_model.safetensors");
  folder_.write("pytorch_model.bin", "");
  EXPECT_THAT(error().what(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("convert")));
}

// ---- published lists of tensors, without the weights

std::vector<std::string> listed_names(const std::string& index) {
  const json parsed = json::parse(std::ifstream(*test_assets() / "index" / index));
  std::vector<std::string> names;
  for (const auto& [name, shard] : parsed["weight_map"].items()) names.push_back(name);
  return names;
}

ModelConfig published_config(const std::string& config) {
  return read_model_config(*test_assets() / "configs" / config);
}

TEST(PublishedIndex, ListsTheTensorsOfItsModel) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  for (const auto& [config, index] : {std::pair{"llama-3.1-8b-instruct.json", "llama-3.1-8b.index.json"},
                                      std::pair{"llama-2-7b.json", "llama-2-7b.index.json"},
                                      std::pair{"mistral-24b-dolphin3.json", "mistral-24b.index.json"},
                                      std::pair{"qwen2-14b-cogito.json", "qwen2-14b.index.json"}}) {
    const std::vector<std::string> names = listed_names(index);
    EXPECT_NO_THROW(check_tensor_names(published_config(config), names, index)) << index;
    for (std::size_t i = 0; i < names.size(); i += 17) {
      std::vector<std::string> cut = names;
      cut.erase(cut.begin() + static_cast<std::ptrdiff_t>(i));
      if (names[i].ends_with("inv_freq")) continue;
      const auto error =
          error_of<CheckpointError>([&] { check_tensor_names(published_config(config), cut, index); });
      EXPECT_EQ(error.item, names[i]);
    }
  }
}

TEST(PublishedIndex, AddsUpToTheSizeThatItStates) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  std::int64_t bytes = 0;
  for (const ExpectedTensor& tensor : expected_tensors(published_config("llama-3.1-8b-instruct.json"))) {
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
                         check_tensor_names(published_config("llama-3.1-8b-instruct.json"), names, index);
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
    return load_weights(path, read_model_config(path / "config.json"), at::kFloat, at::kCPU);
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
