// The small network that predicts KVzap's scores from hidden states.
// Source: KVzap, arXiv 2601.07891.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace kvcompare {

struct KvzapSurrogate {
  struct Linear {
    at::Tensor weight;  // [out, in]
    at::Tensor bias;    // [out]
  };
  struct Layer {
    std::vector<Linear> linears;  // one: Linear; two: Linear, GELU (erf), Linear
  };
  std::vector<Layer> layers;  // [n_layers] of the model; [n_tokens, d_model] -> [n_tokens, n_kv_heads]
};

// Returns the scores of tokens from their hidden states, in the surrogate's dtype.
//   hidden  : [n_tokens, d_model]
//   returns : [n_tokens, n_kv_heads]
at::Tensor predict(const KvzapSurrogate::Layer& layer, const at::Tensor& hidden);

}  // namespace kvcompare
