// The model that scorers and scores of inputs are for.
#pragma once

#include "worker/model/decoder.h"

namespace kvcompare::fuzz {

// Two layers of two KV heads, as in tests/unit/worker/checkpoint/kvzap_checkpoint_test.cpp.
inline Decoder small_decoder() {
  LayerShape layer;
  layer.heads = {.n_heads = 4, .n_kv_heads = 2, .head_dim = 2};
  Decoder decoder;
  decoder.hidden_size = 6;
  decoder.layers.assign(2, layer);
  return decoder;
}

}  // namespace kvcompare::fuzz
