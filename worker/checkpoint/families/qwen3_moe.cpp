#include <algorithm>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {
namespace {

// The layers that have one MLP in place of experts.
std::vector<std::int64_t> dense_layers(ConfigKeys& keys, std::int64_t n_layers) {
  const auto step = keys.size("decoder_sparse_step", 1);
  std::vector<std::int64_t> dense;
  for (std::int64_t l = 0; l < n_layers; ++l)
    if ((l + 1) % step != 0) dense.push_back(l);
  if (!keys.has_value("mlp_only_layers")) return dense;
  const auto& written = keys.config().json().at("mlp_only_layers");
  const std::string expected = "expected an array of numbers of layers";
  if (!written.is_array()) keys.refuse("mlp_only_layers", "is " + describe(written) + "; " + expected);
  for (const auto& layer : written) {
    if (!layer.is_number_integer())
      keys.refuse("mlp_only_layers", "holds " + describe(layer) + "; " + expected);
    dense.push_back(layer.get<std::int64_t>());
  }
  return dense;
}

}  // namespace

// Qwen3 with experts. If a window is in use, all layers slide.
ModelConfig read_qwen3_moe(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "qwen3_moe", .n_kv_heads = 4});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  plain.qk_norm = true;
  const ExpertsShape experts{.n = read_n_experts(keys, 128),
                             .n_chosen = read_n_chosen_experts(keys, 8),
                             .sums_to_one = keys.flag("norm_topk_prob", false)};
  check_experts(keys, experts);
  keys.claim({"output_router_logits", "router_aux_loss_coef", "max_window_layers"});  // without effect
  const auto width = keys.size("moe_intermediate_size", 768);
  auto decoder = decoder_of(plain);
  const auto dense = dense_layers(keys, plain.n_layers);
  for (std::int64_t l = 0; l < plain.n_layers; ++l) {
    if (std::ranges::find(dense, l) != dense.end()) continue;
    auto& mlp = decoder.layers[static_cast<std::size_t>(l)].mlp;
    mlp.width = width;
    mlp.experts = experts;
    mlp.names = {.gate = "gate_proj", .up = "up_proj", .down = "down_proj"};
  }
  const bool is_on = keys.flag("use_sliding_window", false);
  const auto window = keys.size_or_null("sliding_window", 4096);
  return all_sliding(std::move(decoder), is_on ? window : std::nullopt);
}

}  // namespace kvcompare
