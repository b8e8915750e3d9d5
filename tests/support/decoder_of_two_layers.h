// A model for which scorers and scores are small enough to be written by hand.
#pragma once

#include "worker/model/decoder.h"

namespace kvcompare {

// Two layers of four query heads over two KV heads of two channels; hidden states of six.
inline Decoder decoder_of_two_layers() {
  LayerShape layer;
  layer.heads = {.n_heads = 4, .n_kv_heads = 2, .head_dim = 2};
  Decoder decoder;
  decoder.hidden_size = 6;
  decoder.layers.assign(2, layer);
  return decoder;
}

}  // namespace kvcompare
