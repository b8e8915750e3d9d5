#include <cmath>
#include <utility>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// Experts with biases, whose tensors are stored together; attention beside learned sinks; every second layer
// sees all keys.
ModelConfig read_gpt_oss(ConfigKeys& keys) {
  const RopeConfig rope{.type = RopeConfig::Type::kYarn,
                        .theta = 150000,
                        .factor = 32,
                        .original_max_position_embeddings = 4096,
                        .truncates = false,
                        .attention_factor = 0.1 * std::log(32.0) + 1};
  auto plain = read_plain(keys, {.model_type = "gpt_oss",
                                 .n_kv_heads = 8,
                                 .head_dim = 64,
                                 .eps = 1e-5,
                                 .rope = {.theta = 150000, .whole = rope}});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", true);
  const ExpertsShape experts{.n = read_n_experts(keys, 128),
                             .n_chosen = read_n_chosen_experts(keys, 4),
                             .sums_to_one = true,
                             .chooses_by_logits = true,
                             .router = "mlp.router",
                             .has_bias = true,
                             .is_stacked = true};
  check_experts(keys, experts);
  keys.claim({"output_router_logits", "router_aux_loss_coef", "experts_per_token",
              "initial_context_length"});  // of training, and of other programs
  const SwigluClamp clamp{.alpha = keys.positive("swiglu_alpha", 1.702),
                          .limit = keys.positive("swiglu_limit", 7)};
  auto decoder = decoder_of(plain);
  for (auto& layer : decoder.layers) {
    layer.has_sinks = true;
    layer.mlp.experts = experts;
    layer.mlp.activation = Activation::kClampedSwiglu;
    layer.mlp.clamp = clamp;
    layer.mlp.names = {.gate = "gate_up_proj", .up = "", .down = "down_proj"};
  }
  return sliding(std::move(decoder), read_window(keys, sliding_layers(keys, plain.n_layers, 2), 128));
}

}  // namespace kvcompare
