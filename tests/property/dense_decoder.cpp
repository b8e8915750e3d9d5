#include "tests/property/dense_decoder.h"

#include <cmath>
#include <limits>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include "tests/support/safetensors_writer.h"
#include "tests/support/tiny_model.h"
#include "tests/support/weight_generator.h"

namespace kvcompare {
namespace {

std::string prefix_of(std::int64_t layer) { return "model.layers." + std::to_string(layer) + "."; }

// Numbers that float32 holds, and that bfloat16 and float16 hold.
at::Tensor random_tensor(std::uint64_t seed, const std::string& name, const std::vector<std::int64_t>& shape,
                         Distribution distribution) {
  std::int64_t n = 1;
  for (const auto size : shape) n *= size;
  WeightGenerator generator(seed, name);
  auto values = draw(generator, distribution, n);
  return at::from_blob(values.data(), shape, at::kFloat)
      .to(at::kBFloat16)
      .to(at::kHalf)
      .to(at::kBFloat16)
      .to(at::kDouble);
}

// Pairs (x_c, x_{c + d/2}) as complex numbers, times exp(i position theta^(-2c/d)).
at::Tensor turned(const at::Tensor& x, double theta) {
  const auto n = x.size(1), d = x.size(2), half = d / 2;
  std::vector<double> cos, sin;
  for (std::int64_t position = 0; position < n; ++position)
    for (std::int64_t c = 0; c < half; ++c) {
      const auto angle = static_cast<double>(position) *
                         std::pow(theta, -2.0 * static_cast<double>(c) / static_cast<double>(d));
      cos.push_back(std::cos(angle));
      sin.push_back(std::sin(angle));
    }
  const auto re = at::tensor(cos, at::kDouble).view({n, half});
  const auto im = at::tensor(sin, at::kDouble).view({n, half});
  const auto a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
  return at::cat({a * re - b * im, a * im + b * re}, 2);
}

// What queries are multiplied with, [n, 1].
at::Tensor scales_of(const QueryScale& scale, std::int64_t n) {
  std::vector<double> scales;
  for (std::int64_t i = 0; i < n; ++i)
    scales.push_back(1 + scale.beta * std::log1p(std::floor(static_cast<double>(i) /
                                                            static_cast<double>(scale.n_unscaled))));
  return at::tensor(scales, at::kDouble).unsqueeze(1);
}

}  // namespace

Decoder uneven_decoder(const std::vector<std::int64_t>& windows, std::int64_t head_dim) {
  Decoder decoder;
  decoder.family = "uneven";
  decoder.vocab_size = 90;
  decoder.hidden_size = 40;
  decoder.norm.epsilon = 1e-5;
  decoder.ropes = {{.theta = 10000}, {.theta = 50, .query_scale = {.beta = 0.7, .n_unscaled = 9}}};
  constexpr std::int64_t kWidths[] = {24, 56, 8, 40};
  for (std::size_t l = 0; l < windows.size(); ++l) {
    LayerShape layer;
    layer.heads = {
        .n_heads = head_dim == 64 ? 2 : 4, .n_kv_heads = head_dim == 64 ? 1 : 2, .head_dim = head_dim};
    layer.scale = {static_cast<double>(head_dim) * (l % 2 == 0 ? 1 : 0.37)};
    layer.rope = l % 2;
    if (windows[l] > 0) layer.window = windows[l];
    layer.has_qkv_bias = l == 1;
    layer.has_o_bias = l == 2;
    if (l == 3) layer.qk_norm = QkNorm::kOfEachHead;
    layer.mlp = {.width = kWidths[l % 4], .has_bias = l == 0};
    decoder.layers.push_back(layer);
  }
  return decoder;
}

DenseDecoder::DenseDecoder(Decoder decoder, std::uint64_t seed) : decoder_(std::move(decoder)), seed_(seed) {
  const auto hidden = decoder_.hidden_size;
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape, Distribution d) {
    weights_[name] = random_tensor(seed_, name, shape, d);
  };
  const auto add_linear = [&](const std::string& name, std::int64_t out, std::int64_t in, bool has_bias,
                              double gain) {
    add(name + ".weight", {out, in}, {.scale = gain / std::sqrt(static_cast<double>(in))});
    if (has_bias) add(name + ".bias", {out}, {.scale = 0.3});
  };
  constexpr Distribution kNorm{.mean = 1, .scale = 0.2};
  add("model.embed_tokens.weight", {decoder_.vocab_size, hidden}, {.scale = 0.8});
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l) {
    const auto& layer = decoder_.layer(l);
    const auto d = layer.heads.head_dim, q = layer.heads.n_heads * d, kv = layer.heads.n_kv_heads * d;
    const auto attention = prefix_of(l) + "self_attn.", mlp = prefix_of(l) + "mlp.";
    add(prefix_of(l) + "input_layernorm.weight", {hidden}, kNorm);
    add_linear(attention + "q_proj", q, hidden, layer.has_qkv_bias, 1.6);
    add_linear(attention + "k_proj", kv, hidden, layer.has_qkv_bias, 1.6);
    add_linear(attention + "v_proj", kv, hidden, layer.has_qkv_bias, 1);
    add_linear(attention + "o_proj", hidden, q, layer.has_o_bias, 1.5);
    if (layer.qk_norm != QkNorm::kNone) {
      add(attention + "q_norm.weight", {d}, {.mean = 1.5, .scale = 0.3});
      add(attention + "k_norm.weight", {d}, {.mean = 1.5, .scale = 0.3});
    }
    add(prefix_of(l) + "post_attention_layernorm.weight", {hidden}, kNorm);
    add_linear(mlp + "gate_proj", layer.mlp.width, hidden, layer.mlp.has_bias, 1);
    add_linear(mlp + "up_proj", layer.mlp.width, hidden, layer.mlp.has_bias, 1);
    add_linear(mlp + "down_proj", hidden, layer.mlp.width, layer.mlp.has_bias, 1);
  }
  add("model.norm.weight", {hidden}, kNorm);
  add_linear("lm_head", decoder_.vocab_size, hidden, false, 2);
}

void DenseDecoder::write(const std::filesystem::path& folder) const {
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, tensor] : weights_) {
    const auto narrow = tensor.to(at::kFloat).contiguous();
    const std::span values(narrow.const_data_ptr<float>(), static_cast<std::size_t>(narrow.numel()));
    tensors.push_back({name, "F32", tensor.sizes().vec(), bytes_of<float>(values)});
  }
  std::filesystem::create_directories(folder);
  write_safetensors(folder / "model.safetensors", tensors);
  TinyModelSpec spec;
  spec.seed = seed_;
  spec.hidden = decoder_.hidden_size;
  spec.layers = decoder_.n_layers();
  spec.kv_heads = decoder_.layers.front().heads.n_kv_heads;
  write_tiny_scorer(folder / "scorer", spec);
}

at::Tensor DenseDecoder::linear(const at::Tensor& x, const std::string& name) const {
  const auto product = x.matmul(weights_.at(name + ".weight").t());
  const auto bias = weights_.find(name + ".bias");
  return bias == weights_.end() ? product : product + bias->second;
}

at::Tensor DenseDecoder::norm(const at::Tensor& x, const std::string& name) const {
  const auto size = ((x * x).mean(-1, true) + decoder_.norm.epsilon).sqrt();
  return x / size * weights_.at(name + ".weight");
}

at::Tensor DenseDecoder::pass_layer(std::int64_t index, const at::Tensor& x,
                                    const std::vector<std::vector<DeathTime>>& deaths,
                                    const Chunking& chunking) const {
  const auto& layer = decoder_.layer(index);
  const auto n = x.size(0), d = layer.heads.head_dim;
  const auto attention = prefix_of(index) + "self_attn.", mlp = prefix_of(index) + "mlp.";
  const auto hidden = norm(x, prefix_of(index) + "input_layernorm");
  const auto heads = [&](const std::string& name) {
    return linear(hidden, attention + name).view({n, -1, d}).transpose(0, 1);
  };
  auto q = heads("q_proj"), k = heads("k_proj");
  const auto v = heads("v_proj");
  if (layer.qk_norm != QkNorm::kNone) q = norm(q, attention + "q_norm"), k = norm(k, attention + "k_norm");
  const auto theta = decoder_.ropes[layer.rope].theta;
  q = turned(q, theta) * scales_of(decoder_.ropes[layer.rope].query_scale, n);
  k = turned(k, theta);
  std::vector<at::Tensor> outputs;
  for (std::int64_t h = 0; h < layer.heads.n_heads; ++h) {
    const auto kv = h / (layer.heads.n_heads / layer.heads.n_kv_heads);
    std::vector<double> mask;  // 0 where query i sees key j
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        bool sees = j <= i && (!layer.window || i - j < *layer.window);
        if (!deaths.empty()) {
          const auto death = deaths[static_cast<std::size_t>(index * layer.heads.n_kv_heads + kv)]
                                   [static_cast<std::size_t>(j)];
          sees = sees && i / chunking.chunk_size <= death;  // the query's chunk is over before the key dies
        }
        mask.push_back(sees ? 0 : -std::numeric_limits<double>::infinity());
      }
    const auto logits =
        q[h].matmul(k[kv].t()) / std::sqrt(layer.scale.scalar) + at::tensor(mask, at::kDouble).view({n, n});
    outputs.push_back(logits.softmax(-1).matmul(v[kv]));
  }
  const auto attended = x + linear(at::stack(outputs, 1).view({n, -1}), attention + "o_proj");
  const auto normed = norm(attended, prefix_of(index) + "post_attention_layernorm");
  const auto gate = linear(normed, mlp + "gate_proj");
  return attended + linear(gate * at::sigmoid(gate) * linear(normed, mlp + "up_proj"), mlp + "down_proj");
}

std::vector<double> DenseDecoder::token_nll(const std::vector<TokenId>& ids,
                                            const std::vector<std::vector<DeathTime>>& deaths,
                                            const Chunking& chunking) const {
  std::vector<at::Tensor> embedded;
  for (const auto id : ids) embedded.push_back(weights_.at("model.embed_tokens.weight")[id]);
  auto x = at::stack(embedded);
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l) x = pass_layer(l, x, deaths, chunking);
  const auto log_p = at::log_softmax(linear(norm(x, "model.norm"), "lm_head"), -1);
  std::vector<double> nll;
  for (std::size_t i = 0; i + 1 < ids.size(); ++i)
    nll.push_back(-log_p[static_cast<std::int64_t>(i)][ids[i + 1]].item<double>());
  return nll;
}

}  // namespace kvcompare
