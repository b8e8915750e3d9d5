#include "worker/checkpoint/weights.h"

#include <cstring>

#include "common/errors.h"
#include "worker/checkpoint/checkpoint_files.h"
#include "worker/checkpoint/decoder_tensors.h"
#include "worker/checkpoint/tensor_loading.h"

namespace kvcompare {
namespace {

struct Target {
  at::ScalarType dtype;
  at::Device device;
};

class Loader {
 public:
  Loader(const CheckpointFiles& files, Target target) : files_(files), target_(target) {}

  at::Tensor operator()(const std::string& name) const {
    const SafetensorsFile* file = files_.find(name);
    require(file != nullptr, "tensor names are checked before tensors are read");
    return load_tensor(*file, name, target_.dtype, target_.device);
  }
  at::Tensor if_any(bool exists, const std::string& name) const {
    return exists ? (*this)(name) : at::Tensor();
  }

 private:
  const CheckpointFiles& files_;
  Target target_;
};

LayerWeights load_layer(const Loader& load, const ModelConfig& config, std::int64_t index) {
  const std::string prefix = layer_prefix(index);
  const std::string attention = prefix + "self_attn.";
  const std::string mlp = prefix + "mlp.";
  LayerWeights layer;
  layer.input_norm = load(prefix + "input_layernorm.weight");
  layer.q = load(attention + "q_proj.weight");
  layer.k = load(attention + "k_proj.weight");
  layer.v = load(attention + "v_proj.weight");
  layer.o = load(attention + "o_proj.weight");
  layer.q_bias = load.if_any(config.qkv_bias, attention + "q_proj.bias");
  layer.k_bias = load.if_any(config.qkv_bias, attention + "k_proj.bias");
  layer.v_bias = load.if_any(config.qkv_bias, attention + "v_proj.bias");
  layer.o_bias = load.if_any(config.o_bias, attention + "o_proj.bias");
  layer.q_norm = load.if_any(config.qk_norm, attention + "q_norm.weight");
  layer.k_norm = load.if_any(config.qk_norm, attention + "k_norm.weight");
  layer.post_attention_norm = load(prefix + "post_attention_layernorm.weight");
  layer.gate = load(mlp + "gate_proj.weight");
  layer.up = load(mlp + "up_proj.weight");
  layer.down = load(mlp + "down_proj.weight");
  layer.gate_bias = load.if_any(config.mlp_bias, mlp + "gate_proj.bias");
  layer.up_bias = load.if_any(config.mlp_bias, mlp + "up_proj.bias");
  layer.down_bias = load.if_any(config.mlp_bias, mlp + "down_proj.bias");
  return layer;
}

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

void check_headers(const CheckpointFiles& files, const ModelConfig& config) {
  for (const ExpectedTensor& tensor : expected_tensors(config))
    if (const SafetensorsFile* file = files.find(tensor.name)) check_tensor_header(*file, tensor);
  if (config.tied_embeddings) check_tied_copies_agree(files);
}

}  // namespace

ModelWeights load_weights(const std::filesystem::path& folder, const ModelConfig& config,
                          at::ScalarType dtype, at::Device device) {
  const CheckpointFiles files(folder);
  check_tensor_names(config, files.names(), files.list_path().string());
  check_headers(files, config);

  const Loader load(files, {dtype, device});
  ModelWeights weights;
  weights.embedding = load(files.find(kEmbeddingName) != nullptr ? kEmbeddingName : kLmHeadName);
  weights.layers.reserve(static_cast<std::size_t>(config.n_layers));
  for (std::int64_t layer = 0; layer < config.n_layers; ++layer)
    weights.layers.push_back(load_layer(load, config, layer));
  weights.final_norm = load(kFinalNormName);
  weights.lm_head = config.tied_embeddings ? weights.embedding : load(kLmHeadName);
  return weights;
}

}  // namespace kvcompare
