// What the layers of Gemma 2 and 3 have in common.
#pragma once

#include "worker/checkpoint/plain_config.h"

namespace kvcompare {

class ConfigKeys;

// Embeddings times sqrt(hidden_size), norms with 1 + weight before and behind attention and MLP, GELU, and
// logits of attention by query_pre_attn_scalar.
Decoder gemma_decoder(ConfigKeys& keys, const PlainConfig& plain);

}  // namespace kvcompare
