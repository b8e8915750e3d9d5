// The equations of a decoder: one layer's pieces, as the engines put them together. All tensors are in the
// model's dtype and on its device.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/ids.h"
#include "presses/rope.h"
#include "presses/scorer.h"
#include "worker/model/decoder.h"
#include "worker/model/layer_weights.h"
#include "worker/model/ropes.h"

namespace kvcompare {

// Tokens of a sample, from one position on.
struct PartOfSample {
  SampleIndex sample;
  std::int64_t first_position = 0;
  std::int64_t n_sample_tokens = 0;  // of the whole sample: some rotary embeddings depend on it
};

class Model {
 public:
  Model(Decoder decoder, ModelWeights weights);

  const Decoder& decoder() const { return decoder_; }
  // Of a sample of that many tokens. Not longer than the model.
  AttentionRule rule(LayerIndex layer, std::int64_t n_tokens) const;
  at::TensorOptions options() const { return weights_.embedding.options(); }

  at::Tensor embed(std::span<const TokenId> ids) const;  // [n_tokens, d_model]

  // Input norm and projections of the tokens whose residual stream is x, [n_tokens, d_model].
  LayerView project(LayerIndex layer, const PartOfSample& part, const at::Tensor& x) const;

  // The residual stream after the layer, from that before it and the heads' outputs.
  //   x     : [n_tokens, d_model]
  //   heads : [n_heads, n_tokens, d_head]
  at::Tensor finish_layer(LayerIndex layer, const at::Tensor& x, const at::Tensor& heads) const;

  // How much one unit of attention to a key can move the residual stream: |W_O v| of each query head.
  //   v       : [n_kv_heads, n_tokens, d_head]
  //   returns : [n_heads, n_tokens], float32 at least
  at::Tensor value_norms(LayerIndex layer, const at::Tensor& v) const;

  // Final norm of the tokens whose residual stream is x: [n_tokens, d_model].
  at::Tensor last_hidden(const at::Tensor& x) const;
  // Head of the tokens whose states are last_hidden(): [n_tokens, vocab].
  at::Tensor logits(const at::Tensor& last_hidden) const;

 private:
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const;
  at::Tensor head_norm(const at::Tensor& x, const at::Tensor& weight) const;
  at::Tensor experts(const LayerShape& shape, const LayerWeights& w, const at::Tensor& x) const;
  at::Tensor mlp(const LayerShape& shape, const LayerWeights& w, const at::Tensor& x) const;
  const LayerWeights& layer(LayerIndex index) const {
    return weights_.layers[static_cast<std::size_t>(index.value)];
  }

  Decoder decoder_;
  ModelWeights weights_;
  mutable RopesByLength ropes_;
};

}  // namespace kvcompare
