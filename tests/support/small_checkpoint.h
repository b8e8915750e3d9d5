// A tiny decoder checkpoint, written tensor by tensor, whose values differ from tensor to tensor.
#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/core/Tensor.h>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/plain_config.h"
#include "worker/checkpoint/weights.h"

namespace kvcompare {

inline PlainConfig small_config() {
  PlainConfig config;
  config.model_type = "llama";
  config.vocab_size = 7;
  config.hidden_size = 6;
  config.intermediate_size = 5;
  config.n_layers = 2;
  config.n_heads = 2;
  config.n_kv_heads = 1;
  config.head_dim = 4;
  config.rms_norm_eps = 1e-5;
  return config;
}

// The shapes are written out here and not taken from expected_tensors, which is under test.
inline std::map<std::string, std::vector<std::int64_t>> small_shapes() {
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

// The i-th value of the tensor. It is exact in every dtype and differs from tensor to tensor.
inline float value_at(const std::string& name, std::int64_t i) {
  std::int64_t offset = 0;
  for (const char c : name) offset += c;
  return static_cast<float>((offset + i) % 61 - 30) / 4;
}

inline TensorToWrite float_tensor(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  std::vector<float> values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(value_at(name, i));
  return {name, "F32", shape, bytes_of<float>(values)};
}

inline std::vector<TensorToWrite> small_tensors() {
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, shape] : small_shapes()) tensors.push_back(float_tensor(name, shape));
  return tensors;
}

inline TensorToWrite& tensor_named(std::vector<TensorToWrite>& tensors, const std::string& name) {
  return *std::find_if(tensors.begin(), tensors.end(),
                       [&](const TensorToWrite& t) { return t.name == name; });
}

inline void drop(std::vector<TensorToWrite>& tensors, const std::string& name) {
  std::erase_if(tensors, [&](const TensorToWrite& t) { return t.name == name; });
}

inline void set_value(TensorToWrite& tensor, std::size_t i, float value) {
  std::memcpy(tensor.bytes.data() + i * sizeof(float), &value, sizeof(float));
}

inline void expect_tensor(const at::Tensor& tensor, const std::string& name,
                          const std::vector<std::int64_t>& shape) {
  EXPECT_EQ(tensor.sizes().vec(), shape) << name;
  const at::Tensor wide = tensor.to(at::kFloat).contiguous();
  for (std::int64_t i = 0; i < wide.numel(); ++i)
    ASSERT_EQ(wide.const_data_ptr<float>()[i], value_at(name, i)) << name << '[' << i << ']';
}

// A folder with a checkpoint of small_config().
class WeightsTest : public ::testing::Test {
 protected:
  void write(const std::vector<TensorToWrite>& tensors) const { write_safetensors(file(), tensors); }
  std::filesystem::path file() const { return folder_.path() / "model.safetensors"; }
  Decoder decoder() const { return decoder_of(config_); }
  ModelWeights load(at::ScalarType dtype = at::kFloat) const {
    return load_weights(folder_.path(), decoder(), dtype, at::kCPU);
  }
  CheckpointError error(at::ScalarType dtype = at::kFloat) const {
    return error_of<CheckpointError>([&] { load(dtype); });
  }

  TemporaryFolder folder_;
  PlainConfig config_ = small_config();
};

}  // namespace kvcompare
