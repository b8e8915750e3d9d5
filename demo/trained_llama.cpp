#include "demo/trained_llama.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>

#include "common/files/atomic_file.h"

namespace kvcompare::demo {
namespace {

constexpr AdamWOptions kOptimiser{.beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.1};

std::string layer_prefix(std::int64_t layer) { return "model.layers." + std::to_string(layer) + "."; }

// Applies RoPE, which rotates the two halves of a head's channels against each other.
//   x : [n_rows, n_heads, n_tokens, head_dim]
at::Tensor rotated(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const std::vector<at::Tensor> halves = x.chunk(2, -1);
  return x * cos + at::cat({-halves[1], halves[0]}, -1) * sin;
}

// Embeddings start with size 1, so that a token is not lost among what the first layers add. The head is tied
// to the embeddings, so the final norm starts small.
NamedTensors random_weights(const LlamaShape& shape, std::uint64_t seed) {
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  NamedTensors weights;
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& sizes, double deviation,
                       double mean = 0) {
    const at::Tensor value = at::randn(sizes, generator, at::TensorOptions()) * deviation + mean;
    weights.emplace_back(name, value.set_requires_grad(true));
  };
  const double in = 1 / std::sqrt(static_cast<double>(shape.hidden_size));
  const double residual = 1 / std::sqrt(2.0 * static_cast<double>(shape.n_layers));  // each layer adds to the
                                                                                     // stream twice
  add("model.embed_tokens.weight", {shape.vocab_size, shape.hidden_size}, 1);
  for (std::int64_t layer = 0; layer < shape.n_layers; ++layer) {
    const std::string prefix = layer_prefix(layer);
    add(prefix + "input_layernorm.weight", {shape.hidden_size}, 0, 1);
    add(prefix + "self_attn.q_proj.weight", {shape.n_heads * shape.head_dim, shape.hidden_size}, in);
    add(prefix + "self_attn.k_proj.weight", {shape.n_kv_heads * shape.head_dim, shape.hidden_size}, in);
    add(prefix + "self_attn.v_proj.weight", {shape.n_kv_heads * shape.head_dim, shape.hidden_size}, in);
    add(prefix + "self_attn.o_proj.weight", {shape.hidden_size, shape.n_heads * shape.head_dim},
        in * residual);
    add(prefix + "post_attention_layernorm.weight", {shape.hidden_size}, 0, 1);
    add(prefix + "mlp.gate_proj.weight", {shape.intermediate_size, shape.hidden_size}, in);
    add(prefix + "mlp.up_proj.weight", {shape.intermediate_size, shape.hidden_size}, in);
    add(prefix + "mlp.down_proj.weight", {shape.hidden_size, shape.intermediate_size},
        residual / std::sqrt(static_cast<double>(shape.intermediate_size)));
  }
  add("model.norm.weight", {shape.hidden_size}, 0, in);
  return weights;
}

}  // namespace

TrainedLlama::TrainedLlama(const LlamaShape& shape, std::uint64_t seed)
    : shape_(shape), optimiser_(random_weights(shape, seed), kOptimiser) {}

const at::Tensor& TrainedLlama::weight(const std::string& name) const {
  return std::ranges::find(weights(), name, [](const auto& named) { return named.first; })->second;
}

at::Tensor TrainedLlama::attention(const std::string& prefix, const at::Tensor& hidden, const at::Tensor& cos,
                                   const at::Tensor& sin) const {
  const auto heads = [&](const char* name, std::int64_t n_heads) {  // [n_rows, n_heads, n_tokens, head_dim]
    return at::linear(hidden, weight(prefix + name + "_proj.weight"))
        .view({hidden.size(0), hidden.size(1), n_heads, shape_.head_dim})
        .transpose(1, 2);
  };
  const at::Tensor q = rotated(heads("q", shape_.n_heads), cos, sin);
  const at::Tensor k = rotated(heads("k", shape_.n_kv_heads), cos, sin);
  const at::Tensor v = heads("v", shape_.n_kv_heads);
  const std::int64_t group = shape_.n_heads / shape_.n_kv_heads;
  const at::Tensor attended = at::scaled_dot_product_attention(q, k.repeat_interleave(group, 1),
                                                               v.repeat_interleave(group, 1), {}, 0.0, true);
  return at::linear(attended.transpose(1, 2).flatten(2), weight(prefix + "o_proj.weight"));
}

at::Tensor TrainedLlama::mlp(const std::string& prefix, const at::Tensor& hidden) const {
  const at::Tensor gate = at::silu(at::linear(hidden, weight(prefix + "gate_proj.weight")));
  return at::linear(gate * at::linear(hidden, weight(prefix + "up_proj.weight")),
                    weight(prefix + "down_proj.weight"));
}

at::Tensor TrainedLlama::nll(const at::Tensor& ids, const at::Tensor& positions) const {
  const at::Tensor exponents =
      at::arange(0, shape_.head_dim, 2, at::kDouble) / static_cast<double>(shape_.head_dim);
  const at::Tensor angles = positions.to(at::kDouble).unsqueeze(1) *
                            at::pow(at::Scalar(shape_.rope_theta), -exponents).unsqueeze(0);
  const at::Tensor both_halves = at::cat({angles, angles}, -1);
  const at::Tensor cos = both_halves.cos().to(at::kFloat);
  const at::Tensor sin = both_halves.sin().to(at::kFloat);
  const auto norm = [&](const at::Tensor& x, const std::string& name) {
    return at::rms_norm(x, {shape_.hidden_size}, weight(name), shape_.norm_eps);
  };

  at::Tensor x = at::embedding(weight("model.embed_tokens.weight"), ids);
  for (std::int64_t layer = 0; layer < shape_.n_layers; ++layer) {
    const std::string prefix = layer_prefix(layer);
    x = x + attention(prefix + "self_attn.", norm(x, prefix + "input_layernorm.weight"), cos, sin);
    x = x + mlp(prefix + "mlp.", norm(x, prefix + "post_attention_layernorm.weight"));
  }
  const std::int64_t n_predicted = ids.size(1) - 1;
  const at::Tensor last = norm(x.narrow(1, 0, n_predicted), "model.norm.weight").flatten(0, 1);
  const at::Tensor logits = at::linear(last, weight("model.embed_tokens.weight"));
  return at::cross_entropy_loss(logits, ids.narrow(1, 1, n_predicted).flatten(), {}, at::Reduction::None)
      .view({ids.size(0), n_predicted});
}

void TrainedLlama::export_model(const std::filesystem::path& folder) const {
  const nlohmann::ordered_json config = {{"architectures", {"LlamaForCausalLM"}},
                                         {"model_type", "llama"},
                                         {"vocab_size", shape_.vocab_size},
                                         {"hidden_size", shape_.hidden_size},
                                         {"intermediate_size", shape_.intermediate_size},
                                         {"num_hidden_layers", shape_.n_layers},
                                         {"num_attention_heads", shape_.n_heads},
                                         {"num_key_value_heads", shape_.n_kv_heads},
                                         {"head_dim", shape_.head_dim},
                                         {"hidden_act", "silu"},
                                         {"rms_norm_eps", shape_.norm_eps},
                                         {"rope_theta", shape_.rope_theta},
                                         {"rope_scaling", nullptr},
                                         {"attention_bias", false},
                                         {"mlp_bias", false},
                                         {"max_position_embeddings", shape_.max_positions},
                                         {"tie_word_embeddings", true},
                                         {"torch_dtype", "bfloat16"},
                                         {"bos_token_id", 0},
                                         {"eos_token_id", 1}};
  NamedTensors stored;
  for (const auto& [name, tensor] : weights()) stored.emplace_back(name, tensor.detach().to(at::kBFloat16));
  write_safetensors(folder / "model.safetensors", stored);
  write_file_atomically(folder / "config.json", config.dump(1) + "\n");
}

}  // namespace kvcompare::demo
