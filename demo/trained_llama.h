// A small Llama as a function that can be differentiated. Layout and names of the weights are those of
// Hugging Face (LlamaForCausalLM, tied embeddings).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>

#include "worker/training/adamw.h"

namespace kvcompare::demo {

struct LlamaShape {
  std::int64_t vocab_size = 2048;
  std::int64_t hidden_size = 128;
  std::int64_t intermediate_size = 352;
  std::int64_t n_layers = 4;
  std::int64_t n_heads = 4;
  std::int64_t n_kv_heads = 2;
  std::int64_t head_dim = 32;
  std::int64_t max_positions = 8192;
  double rope_theta = 100000;
  double norm_eps = 1e-5;
};

class TrainedLlama {
 public:
  // Makes random weights from the seed.
  TrainedLlama(const LlamaShape& shape, std::uint64_t seed);

  const NamedTensors& weights() const { return optimiser_.weights(); }  // float32

  // Returns the cross-entropy of the next token, in nats: [n_rows, n_tokens - 1], float32.
  //   ids       : [n_rows, n_tokens], int64
  //   positions : [n_tokens], int64, ascending, below max_positions
  at::Tensor nll(const at::Tensor& ids, const at::Tensor& positions) const;

  AdamW& optimiser() { return optimiser_; }

  // Writes config.json and model.safetensors (bfloat16) in the layout of transformers.
  void export_model(const std::filesystem::path& folder) const;

 private:
  const at::Tensor& weight(const std::string& name) const;
  at::Tensor attention(const std::string& prefix, const at::Tensor& hidden, const at::Tensor& cos,
                       const at::Tensor& sin) const;
  at::Tensor mlp(const std::string& prefix, const at::Tensor& hidden) const;

  LlamaShape shape_;
  AdamW optimiser_;  // holds the weights
};

}  // namespace kvcompare::demo
