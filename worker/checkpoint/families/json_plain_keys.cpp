#include "worker/checkpoint/families/json_plain_keys.h"

#include <limits>

namespace kvcompare {
namespace {

constexpr std::int64_t kMaxLayers = 100'000;
constexpr std::int64_t kMaxExperts = 100'000;  // of a layer

[[noreturn]] void refuse_missing(const ConfigKeys& keys, const std::string& key) {
  keys.refuse(key,
              "is missing, and its default is not the same in all model families: write it into the file");
}

void check_activation(ConfigKeys& keys, const PlainDefaults& defaults) {
  const auto& expected = defaults.activation;
  for (const std::string key : {"hidden_act", "hidden_activation"}) {
    if (!keys.has_value(key)) {
      const bool may_be_null = defaults.may_have_null_hidden_activation && key == "hidden_activation";
      if (keys.has_key(key) && !may_be_null) keys.refuse(key, "is null; expected '" + expected + "'");
      continue;
    }
    const auto name = keys.text(key, expected);
    const bool is_silu = expected == "silu" && name == "swish";  // two names of the same function
    if (name != expected && !is_silu && name != defaults.other_activation)
      keys.refuse(key, "activation '" + name + "' is not supported; accepted: " + expected);
  }
}

// Absent where the key is missing without a default, or null where that is taken.
std::optional<std::int64_t> read_size(ConfigKeys& keys, const std::string& key,
                                      std::optional<std::int64_t> otherwise, bool may_be_null) {
  if (may_be_null || !keys.has_key(key)) return keys.size_or_null(key, otherwise);
  return keys.size(key);
}

std::int64_t read_n_kv_heads(ConfigKeys& keys, const PlainDefaults& defaults, std::int64_t n_heads) {
  const std::string key = "num_key_value_heads";
  if (!keys.has_key(key) && defaults.needs_n_kv_heads) refuse_missing(keys, key);
  const auto n_kv_heads =
      read_size(keys, key, defaults.n_kv_heads, defaults.may_have_null_n_kv_heads).value_or(n_heads);
  if (n_heads % n_kv_heads != 0)
    keys.refuse(
        key, std::to_string(n_kv_heads) + " does not divide num_attention_heads " + std::to_string(n_heads));
  return n_kv_heads;
}

std::int64_t read_head_dim(ConfigKeys& keys, const PlainDefaults& defaults, const PlainConfig& model) {
  const std::string key = "head_dim";
  if (!keys.has_value(key) && defaults.needs_head_dim) refuse_missing(keys, key);
  const auto written = read_size(keys, key, defaults.head_dim, defaults.may_have_null_head_dim);
  if ((!written || defaults.heads_divide_hidden_size) && model.hidden_size % model.n_heads != 0)
    keys.refuse("hidden_size", std::to_string(model.hidden_size) + " is no multiple of num_attention_heads " +
                                   std::to_string(model.n_heads) +
                                   (written ? ", as transformers wants it" : ", and head_dim is missing"));
  const auto head_dim = written.value_or(model.hidden_size / model.n_heads);
  if (head_dim > std::numeric_limits<std::int32_t>::max() / model.n_heads)
    keys.refuse(key,
                std::to_string(head_dim) + " is too large for " + std::to_string(model.n_heads) + " heads");
  if (head_dim % 2 != 0) keys.refuse(key, std::to_string(head_dim) + " is odd; RoPE needs an even one");
  return head_dim;
}

}  // namespace

PlainConfig read_plain(ConfigKeys& keys, const PlainDefaults& defaults) {
  PlainConfig model;
  model.model_type = defaults.model_type;
  model.vocab_size = keys.size("vocab_size", defaults.vocab_size);
  model.hidden_size = keys.size("hidden_size");
  model.intermediate_size = keys.size("intermediate_size");
  model.n_layers = keys.size("num_hidden_layers");
  if (model.n_layers > kMaxLayers)
    keys.refuse("num_hidden_layers", "is " + std::to_string(model.n_layers) +
                                         "; expected an integer from 1 to " + std::to_string(kMaxLayers));
  model.n_heads = keys.size("num_attention_heads", defaults.n_heads);
  model.n_kv_heads = read_n_kv_heads(keys, defaults, model.n_heads);
  model.head_dim = read_head_dim(keys, defaults, model);
  model.rms_norm_eps = keys.number(defaults.eps_key, defaults.eps);
  if (model.rms_norm_eps < 0) keys.refuse(defaults.eps_key, "is negative");
  check_activation(keys, defaults);
  keys.claim({"rope_theta", "rope_scaling", "rope_parameters"});
  auto rope = defaults.rope;
  rope.head_dim = model.head_dim;
  model.max_position_embeddings = keys.size("max_position_embeddings", defaults.max_position_embeddings);
  rope.max_position_embeddings = model.max_position_embeddings;
  if (rope.partial_rotary_factor) keys.claim({"partial_rotary_factor"});
  if (const auto& of_sliding = defaults.sliding_rope) {
    auto sliding = rope;
    sliding.theta = of_sliding->theta;
    if (!of_sliding->theta_key.empty()) keys.claim({of_sliding->theta_key});
    const auto ropes = read_layer_ropes(keys.config(), rope, sliding, of_sliding->theta_key);
    model.rope = ropes.full;
    model.sliding_rope = ropes.sliding;
  } else {
    model.rope = read_rope_config(keys.config(), rope);
  }
  model.tied_embeddings = keys.flag("tie_word_embeddings", defaults.tied_embeddings);
  return model;
}

std::int64_t read_n_experts(ConfigKeys& keys, std::int64_t otherwise) {
  const auto n = keys.size("num_experts", keys.size("num_local_experts", otherwise));
  if (keys.has_key("num_local_experts") && keys.size("num_local_experts") != n)
    keys.refuse("num_local_experts", "contradicts num_experts, which is another name of it");
  if (n > kMaxExperts)
    keys.refuse(keys.has_key("num_experts") ? "num_experts" : "num_local_experts",
                "is " + std::to_string(n) + "; expected an integer from 1 to " + std::to_string(kMaxExperts));
  return n;
}

std::int64_t read_n_chosen_experts(ConfigKeys& keys, std::int64_t otherwise) {
  return keys.size("num_experts_per_tok", otherwise);
}

void check_experts(const ConfigKeys& keys, const ExpertsShape& experts) {
  if (experts.n_chosen > experts.n)
    keys.refuse("num_experts_per_tok", "is " + std::to_string(experts.n_chosen) + ", more than the " +
                                           std::to_string(experts.n) + " experts");
}

void refuse_switch(ConfigKeys& keys, const std::string& key, const std::string& model_type) {
  if (keys.flag_or_null(key)) keys.refuse(key, "is true, but " + model_type + " models have no such thing");
}

}  // namespace kvcompare
