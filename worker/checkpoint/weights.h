// The weights of a decoder, as the model computes with them.
#pragma once

#include <filesystem>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/checkpoint/model_config.h"

namespace kvcompare {

// Projections are [out, in]. A bias that the model does not have is an undefined tensor.
struct LayerWeights {
  at::Tensor input_norm;  // [d_model]
  at::Tensor q, k, v,
      o;  // [n_heads*d_head, d_model], [n_kv_heads*d_head, d_model] twice, [d_model, n_heads*d_head]
  at::Tensor q_bias, k_bias, v_bias, o_bias;
  at::Tensor q_norm, k_norm;       // [d_head]; undefined if the model has none
  at::Tensor post_attention_norm;  // [d_model]
  at::Tensor gate, up, down;       // [d_ff, d_model] twice, [d_model, d_ff]
  at::Tensor gate_bias, up_bias, down_bias;
};

struct ModelWeights {
  at::Tensor embedding;  // [vocab, d_model]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // [d_model]
  at::Tensor lm_head;     // [vocab, d_model]; same storage as embedding if tied
};

// Reads model.safetensors, or the shards of model.safetensors.index.json. Tensors whose dtype and device
// match are views of the mapped files (read-only), the others are converted once. Throws CheckpointError
// naming file and tensor if one is missing, unexpected, misshaped, of a dtype that is no floating point, or
// holds a NaN or infinity, be it stored or made by the conversion to `dtype`.
ModelWeights load_weights(const std::filesystem::path& folder, const ModelConfig& config,
                          at::ScalarType dtype, at::Device device);

}  // namespace kvcompare
