#include "worker/model/weight_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include "worker/model/channel_order.h"

namespace kvcompare {
namespace {

using Fused = FusedLayer;
using Stored = LayerWeights;

std::int64_t sum_over(const std::vector<FusedTensor>& tensors, auto counts) {
  std::int64_t n = 0;
  for (const auto& tensor : tensors)
    if (counts(tensor)) n += tensor.n_numbers();
  return n;
}

// Collects the tensors of a layer.
class LayerTable {
 public:
  LayerTable(const Decoder& decoder, const LayerShape& layer)
      : decoder_(decoder),
        layer_(layer),
        hidden_(decoder.hidden_size),
        channels_(stored_channels(decoder.rope_of(layer), layer.heads.head_dim)) {}

  void add_norm(std::string_view name, at::Tensor Fused::*weight, at::Tensor Stored::*stored_weight,
                at::Tensor Fused::*bias, at::Tensor Stored::*stored_bias) {
    if (name.empty()) return;
    tensors_.push_back({weight, {{weight_of(name), {hidden_}, stored_weight}}});
    if (decoder_.norm.has_bias) tensors_.push_back({bias, {{bias_of(name), {hidden_}, stored_bias}}});
  }

  void add_qkv() {
    const auto q = layer_.heads.q_width(), kv = layer_.heads.kv_width();
    add_projections(&Fused::qkv, &Fused::qkv_bias, layer_.has_qkv_bias, layer_.qkv,
                    {{"self_attn.q_proj", q, &Stored::q, &Stored::q_bias, channels_},
                     {"self_attn.k_proj", kv, &Stored::k, &Stored::k_bias, channels_},
                     {"self_attn.v_proj", kv, &Stored::v, &Stored::v_bias, {}}});
  }

  void add_qk_norms() {
    const auto add = [&](const char* name, std::int64_t n_heads, auto fused, auto stored) {
      const auto n = (layer_.qk_norm == QkNorm::kOfAllHeads ? n_heads : 1) * layer_.heads.head_dim;
      behind_.push_back({fused, {{.name = name, .shape = {n}, .member = stored, .channels = channels_}}});
    };
    if (layer_.qk_norm == QkNorm::kNone) return;
    add("self_attn.q_norm.weight", layer_.heads.n_heads, &Fused::q_norm, &Stored::q_norm);
    add("self_attn.k_norm.weight", layer_.heads.n_kv_heads, &Fused::k_norm, &Stored::k_norm);
  }

  void add_gate_up() {
    const auto& mlp = layer_.mlp;
    std::vector<Projection> parts;
    if (mlp.is_gated) parts.push_back({mlp.names.gate, mlp.width, &Stored::gate, &Stored::gate_bias, {}});
    parts.push_back({mlp.names.up, mlp.width, &Stored::up, &Stored::up_bias, {}});
    add_projections(&Fused::gate_up, &Fused::gate_up_bias, mlp.has_bias, mlp.gate_and_up, parts);
  }

  void add_router() {
    const auto& experts = layer_.mlp.experts;
    tensors_.push_back(
        {&Fused::router, {{weight_of(experts.router), {experts.n, hidden_}, &Stored::router}}});
    if (experts.has_bias)
      behind_.push_back(
          {&Fused::router_bias, {{bias_of(experts.router), {experts.n}, &Stored::router_bias}}});
  }

  // Experts whose tensors are stored together.
  void add_stacked_experts() {
    const auto& mlp = layer_.mlp;
    const auto n = mlp.experts.n;
    const auto stack = [&](std::string_view name, const std::string& suffix, std::vector<std::int64_t> shape,
                           auto fused, auto member, bool is_interleaved) {
      FusedTensor tensor{fused, {}};
      for (std::int64_t e = 0; e < n; ++e) {
        StoredTensor part{.name = std::string(mlp.experts.prefix) + std::string(name) + suffix,
                          .shape = shape,
                          .member = member,
                          .first_row = e * shape.front(),
                          .n_stored_rows = n * shape.front(),
                          .expert = e};
        part.n_stacked = n;
        part.is_interleaved = is_interleaved;
        tensor.parts.push_back(std::move(part));
      }
      return tensor;
    };
    const auto wide = 2 * mlp.width;
    tensors_.push_back(stack(mlp.names.gate, "", {wide, hidden_}, &Fused::gate_up, &Stored::gate_up, true));
    tensors_.push_back(stack(mlp.names.down, "", {hidden_, mlp.width}, &Fused::down, &Stored::down, false));
    if (!mlp.experts.has_bias) return;
    behind_.push_back(
        stack(mlp.names.gate, "_bias", {wide}, &Fused::gate_up_bias, &Stored::gate_up_bias, true));
    behind_.push_back(
        stack(mlp.names.down, "_bias", {hidden_}, &Fused::down_bias, &Stored::down_bias, false));
  }

  void add_sinks() {
    if (layer_.has_sinks)
      behind_.push_back({&Fused::sinks, {{"self_attn.sinks", {layer_.heads.n_heads}, &Stored::sinks}}});
  }

  void add_experts() {
    const auto& mlp = layer_.mlp;
    FusedTensor gate_up{&Fused::gate_up, {}}, down{&Fused::down, {}};
    for (std::int64_t e = 0; e < mlp.experts.n; ++e) {
      const auto part = [&](std::string_view name, std::int64_t n_out, std::int64_t n_in, auto member) {
        return StoredTensor{
            .name = std::string(mlp.experts.prefix) + std::to_string(e) + "." + weight_of(name),
            .shape = {n_out, n_in},
            .member = member,
            .expert = e};
      };
      gate_up.parts.push_back(part(mlp.names.gate, mlp.width, hidden_, &Stored::gate));
      gate_up.parts.push_back(part(mlp.names.up, mlp.width, hidden_, &Stored::up));
      down.parts.push_back(part(mlp.names.down, hidden_, mlp.width, &Stored::down));
    }
    tensors_.push_back(std::move(gate_up));
    tensors_.push_back(std::move(down));
  }

  void add_out(std::string_view name, std::int64_t n_in, bool has_bias, at::Tensor Fused::*weight,
               at::Tensor Stored::*stored_weight, at::Tensor Fused::*bias, at::Tensor Stored::*stored_bias) {
    tensors_.push_back({weight, {{weight_of(name), {hidden_, n_in}, stored_weight}}});
    if (has_bias) behind_.push_back({bias, {{bias_of(name), {hidden_}, stored_bias}}});
  }

  void add_activation() {
    if (layer_.mlp.activation != Activation::kXielu) return;
    const auto number = [](const char* name, auto member, bool is_number) {
      return StoredTensor{
          .name = std::string("mlp.act_fn.") + name, .shape = {1}, .member = member, .is_number = is_number};
    };
    tensors_.push_back(
        {&Fused::activation,
         {number("alpha_p", &Stored::activation_p, false), number("alpha_n", &Stored::activation_n, false),
          number("beta", &Stored::activation_beta, true), number("eps", &Stored::activation_epsilon, true)}});
  }

  std::vector<FusedTensor> tensors() && {
    std::ranges::move(behind_, std::back_inserter(tensors_));
    return std::move(tensors_);
  }

 private:
  struct Projection {
    std::string_view name;
    std::int64_t n_out;
    at::Tensor Stored::*weight;
    at::Tensor Stored::*bias;
    std::vector<std::int64_t> channels;
  };

  static std::string weight_of(std::string_view name) { return std::string(name) + ".weight"; }
  static std::string bias_of(std::string_view name) { return std::string(name) + ".bias"; }

  // stored_in: the tensor that stores all of them, or empty.
  void add_projections(at::Tensor Fused::*weight, at::Tensor Fused::*bias, bool has_bias,
                       std::string_view stored_in, const std::vector<Projection>& parts) {
    std::int64_t n_rows = 0;
    for (const auto& part : parts) n_rows += part.n_out;
    FusedTensor weights{weight, {}}, biases{bias, {}};
    std::int64_t row = 0;
    for (const auto& part : parts) {
      const auto name = stored_in.empty() ? part.name : stored_in;
      StoredTensor stored{.name = weight_of(name), .shape = {part.n_out, hidden_}, .member = part.weight};
      stored.channels = part.channels;
      if (!stored_in.empty()) {
        stored.first_row = row;
        stored.n_stored_rows = n_rows;
      }
      row += part.n_out;
      weights.parts.push_back(stored);
      stored.name = bias_of(name);
      stored.shape = {part.n_out};
      stored.member = part.bias;
      biases.parts.push_back(std::move(stored));
    }
    tensors_.push_back(std::move(weights));
    if (has_bias) behind_.push_back(std::move(biases));
  }

  const Decoder& decoder_;
  const LayerShape& layer_;
  const std::int64_t hidden_;
  const std::vector<std::int64_t> channels_;
  std::vector<FusedTensor> tensors_;
  std::vector<FusedTensor> behind_;  // biases of projections, norms of queries and keys: behind all else
};

}  // namespace

std::string layer_prefix(std::int64_t layer) { return "model.layers." + std::to_string(layer) + "."; }

std::vector<std::int64_t> StoredTensor::stored_shape() const {
  if (is_number) return {};
  auto stored = shape;
  if (n_stacked > 0) {
    std::ranges::reverse(stored);
    stored.insert(stored.begin(), n_stacked);
  } else if (n_stored_rows > 0) {
    stored.front() = n_stored_rows;
  }
  return stored;
}

std::int64_t StoredTensor::n_numbers() const {
  std::int64_t n = 1;
  for (const auto size : shape) n *= size;
  return n;
}

at::Tensor in_order(const StoredTensor& stored, const at::Tensor& rows) {
  if (stored.is_in_order()) return rows;
  if (stored.n_stacked > 0) {
    auto slice = rows;
    if (rows.dim() == 2) slice = rows.view({rows.size(1), rows.size(0)}).t();
    if (stored.is_interleaved) slice = slice.unflatten(0, {-1, 2}).transpose(0, 1).flatten(0, 1);
    return slice.contiguous();
  }
  const auto d = std::ssize(stored.channels);
  const auto channels = at::tensor(stored.channels, at::kLong).to(rows.device());
  return rows.unflatten(0, {-1, d}).index_select(1, channels).flatten(0, 1);
}

std::int64_t FusedTensor::n_rows() const {
  std::int64_t n = 0;
  for (const auto& part : parts) n += part.n_rows();
  return n;
}

// The order is that in which GPUs load, and in which the hash over their weights is made.
std::vector<FusedTensor> layer_tensors(const Decoder& decoder, std::int64_t index) {
  const auto& layer = decoder.layer(index);
  LayerTable table(decoder, layer);
  table.add_norm(layer.norms.before_attention, &Fused::input_norm, &Stored::input_norm,
                 &Fused::input_norm_bias, &Stored::input_norm_bias);
  table.add_qkv();
  table.add_out("self_attn.o_proj", layer.heads.q_width(), layer.has_o_bias, &Fused::o, &Stored::o,
                &Fused::o_bias, &Stored::o_bias);
  table.add_qk_norms();
  table.add_sinks();
  table.add_norm(layer.norms.after_attention, &Fused::attention_norm, &Stored::attention_norm,
                 &Fused::attention_norm_bias, &Stored::attention_norm_bias);
  table.add_norm(layer.norms.before_mlp, &Fused::mlp_input_norm, &Stored::mlp_input_norm,
                 &Fused::mlp_input_norm_bias, &Stored::mlp_input_norm_bias);
  if (layer.mlp.has_experts()) {
    table.add_router();
    if (layer.mlp.experts.is_stacked)
      table.add_stacked_experts();
    else
      table.add_experts();
  } else {
    table.add_gate_up();
    table.add_activation();
    table.add_out(layer.mlp.names.down, layer.mlp.width, layer.mlp.has_bias, &Fused::down, &Stored::down,
                  &Fused::down_bias, &Stored::down_bias);
  }
  table.add_norm(layer.norms.after_mlp, &Fused::mlp_norm, &Stored::mlp_norm, &Fused::mlp_norm_bias,
                 &Stored::mlp_norm_bias);
  return std::move(table).tensors();
}

std::int64_t n_layer_numbers(const Decoder& decoder, std::int64_t layer) {
  return sum_over(layer_tensors(decoder, layer), [](const FusedTensor&) { return true; });
}

std::int64_t n_layer_matrix_numbers(const Decoder& decoder, std::int64_t layer) {
  return sum_over(layer_tensors(decoder, layer),
                  [](const FusedTensor& tensor) { return tensor.is_matrix(); });
}

std::int64_t n_multiplied_numbers(const Decoder& decoder, std::int64_t layer) {
  const auto& experts = decoder.layer(layer).mlp.experts;
  std::int64_t n = 0;
  for (const auto& tensor : layer_tensors(decoder, layer))
    if (tensor.is_matrix())
      n += tensor.n_experts() == 0 ? tensor.n_numbers() : tensor.n_numbers() / experts.n * experts.n_chosen;
  return n;
}

std::int64_t n_numbers_of_largest_layer(const Decoder& decoder) {
  std::int64_t most = 0;
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) most = std::max(most, n_layer_numbers(decoder, l));
  return most;
}

std::int64_t n_numbers_outside_layers(const Decoder& decoder) {
  const auto n_embeddings = decoder.has_tied_head ? 1 : 2;
  return (n_embeddings * decoder.vocab_size + (decoder.norm.has_bias ? 2 : 1)) * decoder.hidden_size;
}

std::int64_t n_decoder_numbers(const Decoder& decoder) {
  auto n = n_numbers_outside_layers(decoder);
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) n += n_layer_numbers(decoder, l);
  return n;
}

std::int64_t n_streamed_numbers(const Decoder& decoder) {
  return n_numbers_outside_layers(decoder) + 2 * n_numbers_of_largest_layer(decoder);
}

}  // namespace kvcompare
