#include "worker/checkpoint/weights.h"

#include <algorithm>
#include <cstring>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>

#include "common/errors.h"
#include "worker/checkpoint/checkpoint_files.h"
#include "worker/checkpoint/decoder_tensors.h"
#include "worker/checkpoint/tensor_loading.h"

namespace kvcompare {
namespace {

// transformers 4 takes the embedding for the head, transformers 5 keeps both if they differ: no number is
// right then.
void check_tied_copies_agree(const CheckpointFiles& files) {
  const SafetensorsFile* embedding_file = files.find(kEmbeddingName);
  const SafetensorsFile* head_file = files.find(kLmHeadName);
  if (embedding_file == nullptr || head_file == nullptr) return;
  const at::Tensor embedding = embedding_file->tensor(kEmbeddingName);
  const at::Tensor head = head_file->tensor(kLmHeadName);
  if (embedding.scalar_type() != head.scalar_type() ||
      std::memcmp(embedding.const_data_ptr(), head.const_data_ptr(), head.nbytes()) != 0)
    throw CheckpointError(
        head_file->path().string(), kLmHeadName,
        "differs from model.embed_tokens.weight, but config.json says tie_word_embeddings: set it to "
        "false, or remove one of the two tensors");
}

}  // namespace

CheckpointFiles open_checkpoint(const std::filesystem::path& folder, const ModelConfig& config) {
  CheckpointFiles files(folder);
  check_tensor_names(config, files.names(), files.list_path().string());
  for (const ExpectedTensor& tensor : expected_tensors(config))
    if (const SafetensorsFile* file = files.find(tensor.name)) check_tensor_header(*file, tensor);
  if (config.tied_embeddings) check_tied_copies_agree(files);
  return files;
}

std::string embedding_name(const CheckpointFiles& files) {
  return files.find(kEmbeddingName) != nullptr ? kEmbeddingName : kLmHeadName;
}

std::string lm_head_name(const CheckpointFiles& files, const ModelConfig& config) {
  return config.tied_embeddings ? embedding_name(files) : kLmHeadName;
}

CheckpointWeights::CheckpointWeights(const std::filesystem::path& folder, const ModelConfig& config,
                                     at::ScalarType dtype, at::Device device)
    : files_(open_checkpoint(folder, config)), config_(config), dtype_(dtype), device_(device) {}

at::Tensor CheckpointWeights::tensor(const std::string& name) const {
  const SafetensorsFile* file = files_.find(name);
  require(file != nullptr, "tensor names are checked before tensors are read");
  return load_tensor(*file, name, dtype_, device_);
}

at::Tensor CheckpointWeights::if_any(bool exists, const std::string& name) const {
  return exists ? tensor(name) : at::Tensor();
}

at::Tensor CheckpointWeights::embedding() const { return tensor(embedding_name(files_)); }
at::Tensor CheckpointWeights::final_norm() const { return tensor(kFinalNormName); }
at::Tensor CheckpointWeights::lm_head() const { return tensor(lm_head_name(files_, config_)); }

void CheckpointWeights::check_embedding() const {
  constexpr std::int64_t kRows = 4096;
  const auto name = embedding_name(files_);
  for (std::int64_t row = 0; row < config_.vocab_size; row += kRows)
    load_rows(*files_.find(name), name, row, std::min(kRows, config_.vocab_size - row), dtype_, at::kCPU);
}

at::Tensor CheckpointWeights::embedding_rows(std::span<const TokenId> ids) const {
  const auto index =
      at::from_blob(const_cast<TokenId*>(ids.data()), {static_cast<std::int64_t>(ids.size())}, at::kLong);
  const auto name = embedding_name(files_);
  return files_.find(name)->tensor(name).index_select(0, index).to(
      at::TensorOptions().dtype(dtype_).device(device_));
}

at::Tensor CheckpointWeights::lm_head_rows(std::int64_t begin, std::int64_t n) const {
  const auto name = lm_head_name(files_, config_);
  return load_rows(*files_.find(name), name, begin, n, dtype_, device_);
}

void CheckpointWeights::drop_pages() const { files_.drop_pages(); }

LayerWeights CheckpointWeights::layer(std::int64_t index) const {
  const std::string prefix = layer_prefix(index);
  const std::string attention = prefix + "self_attn.";
  const std::string mlp = prefix + "mlp.";
  LayerWeights layer;
  layer.input_norm = tensor(prefix + "input_layernorm.weight");
  layer.q = tensor(attention + "q_proj.weight");
  layer.k = tensor(attention + "k_proj.weight");
  layer.v = tensor(attention + "v_proj.weight");
  layer.o = tensor(attention + "o_proj.weight");
  layer.q_bias = if_any(config_.qkv_bias, attention + "q_proj.bias");
  layer.k_bias = if_any(config_.qkv_bias, attention + "k_proj.bias");
  layer.v_bias = if_any(config_.qkv_bias, attention + "v_proj.bias");
  layer.o_bias = if_any(config_.o_bias, attention + "o_proj.bias");
  layer.q_norm = if_any(config_.qk_norm, attention + "q_norm.weight");
  layer.k_norm = if_any(config_.qk_norm, attention + "k_norm.weight");
  layer.post_attention_norm = tensor(prefix + "post_attention_layernorm.weight");
  layer.gate = tensor(mlp + "gate_proj.weight");
  layer.up = tensor(mlp + "up_proj.weight");
  layer.down = tensor(mlp + "down_proj.weight");
  layer.gate_bias = if_any(config_.mlp_bias, mlp + "gate_proj.bias");
  layer.up_bias = if_any(config_.mlp_bias, mlp + "up_proj.bias");
  layer.down_bias = if_any(config_.mlp_bias, mlp + "down_proj.bias");
  return layer;
}

ModelWeights load_weights(const std::filesystem::path& folder, const ModelConfig& config,
                          at::ScalarType dtype, at::Device device) {
  const CheckpointWeights checkpoint(folder, config, dtype, device);
  ModelWeights weights;
  weights.embedding = checkpoint.embedding();
  weights.layers.reserve(static_cast<std::size_t>(config.n_layers));
  for (std::int64_t layer = 0; layer < config.n_layers; ++layer)
    weights.layers.push_back(checkpoint.layer(layer));
  weights.final_norm = checkpoint.final_norm();
  weights.lm_head = config.tied_embeddings ? weights.embedding : checkpoint.lm_head();
  return weights;
}

}  // namespace kvcompare
