#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// Mistral with experts. All layers slide.
ModelConfig read_mixtral(ConfigKeys& keys) {
  const auto plain = read_plain(keys, {.model_type = "mixtral",
                                       .n_kv_heads = 8,
                                       .may_have_null_head_dim = true,
                                       .eps = 1e-5,
                                       .rope = {.theta = 1e6}});
  const ExpertsShape experts{.n = read_n_experts(keys, 8),
                             .n_chosen = read_n_chosen_experts(keys, 2),
                             .sums_to_one = true,
                             .router = "block_sparse_moe.gate",
                             .prefix = "block_sparse_moe.experts."};
  check_experts(keys, experts);
  keys.claim({"router_jitter_noise", "output_router_logits", "router_aux_loss_coef"});  // of training
  auto decoder = decoder_of(plain);
  for (auto& layer : decoder.layers) {
    layer.mlp.experts = experts;
    layer.mlp.names = {.gate = "w1", .up = "w3", .down = "w2"};
  }
  return all_sliding(std::move(decoder), keys.size_or_null("sliding_window"));
}

}  // namespace kvcompare
