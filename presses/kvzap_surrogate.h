// Weights of a KVzap scorer: per layer of the model a surrogate from the attention block's input to one score
// per KV head. Source: KVzap, arXiv 2601.07891.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace kvcompare {

struct KvzapSurrogate {
  struct Linear {
    at::Tensor weight;  // [n_out, n_in]
    at::Tensor bias;    // [n_out]
  };
  struct Layer {
    std::vector<Linear> linears;  // one: linear; two: Linear, GELU (erf), Linear. In d_model, out n_kv_heads
  };
  std::vector<Layer> layers;
};

}  // namespace kvcompare
