#include "worker/checkpoint/plain_config.h"

namespace kvcompare {

Decoder decoder_of(const PlainConfig& config) {
  const LayerShape layer{
      .heads = {.n_heads = config.n_heads, .n_kv_heads = config.n_kv_heads, .head_dim = config.head_dim},
      .scale = {.scalar = static_cast<double>(config.head_dim)},
      .rope = 0,
      .window = std::nullopt,
      .has_qkv_bias = config.qkv_bias,
      .has_o_bias = config.o_bias,
      .qk_norm = config.qk_norm ? QkNorm::kOfEachHead : QkNorm::kNone,
      .mlp = {.width = config.intermediate_size, .has_bias = config.mlp_bias}};
  Decoder decoder{.family = config.model_type,
                  .vocab_size = config.vocab_size,
                  .max_position_embeddings = config.max_position_embeddings,
                  .hidden_size = config.hidden_size,
                  .norm = {.epsilon = config.rms_norm_eps},
                  .has_tied_head = config.tied_embeddings,
                  .ropes = {config.rope},
                  .layers = std::vector<LayerShape>(static_cast<std::size_t>(config.n_layers), layer)};
  if (config.sliding_rope) decoder.ropes.push_back(*config.sliding_rope);
  return decoder;
}

}  // namespace kvcompare
