#include "worker/gpu/gpu_weights.h"

#include <algorithm>
#include <string>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/StreamGuard.h>
#include <c10/util/Exception.h>

#include "common/errors.h"
#include "worker/checkpoint/decoder_tensors.h"
#include "worker/checkpoint/weights.h"
#include "worker/devices/binary_units.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kAlignment = 256;  // bytes; what cuBLAS and 16-byte loads like

// Rows of tensors of the checkpoint, one under the other.
struct Stacked {
  at::Tensor FusedLayer::*member;
  std::int64_t n_columns;  // 0: a vector
  struct Rows {
    std::string name;  // without layer_prefix()
    std::int64_t n;
  };
  std::vector<Rows> rows;

  std::int64_t n_rows() const {
    std::int64_t n = 0;
    for (const auto& part : rows) n += part.n;
    return n;
  }
  std::int64_t numel() const { return n_rows() * std::max<std::int64_t>(n_columns, 1); }
};

std::vector<Stacked> layer_tensors(const ModelConfig& c) {
  const auto d_model = c.hidden_size, d_ff = c.intermediate_size;
  const auto q = c.n_heads * c.head_dim, kv = c.n_kv_heads * c.head_dim;
  const std::string attention = "self_attn.", mlp = "mlp.";
  const auto qkv = [&](const std::string& kind) {
    return std::vector<Stacked::Rows>{{attention + "q_proj." + kind, q},
                                      {attention + "k_proj." + kind, kv},
                                      {attention + "v_proj." + kind, kv}};
  };
  const auto gate_up = [&](const std::string& kind) {
    return std::vector<Stacked::Rows>{{mlp + "gate_proj." + kind, d_ff}, {mlp + "up_proj." + kind, d_ff}};
  };
  std::vector<Stacked> tensors{
      {&FusedLayer::input_norm, 0, {{"input_layernorm.weight", d_model}}},
      {&FusedLayer::qkv, d_model, qkv("weight")},
      {&FusedLayer::o, q, {{attention + "o_proj.weight", d_model}}},
      {&FusedLayer::post_attention_norm, 0, {{"post_attention_layernorm.weight", d_model}}},
      {&FusedLayer::gate_up, d_model, gate_up("weight")},
      {&FusedLayer::down, d_ff, {{mlp + "down_proj.weight", d_model}}}};
  if (c.qkv_bias) tensors.push_back({&FusedLayer::qkv_bias, 0, qkv("bias")});
  if (c.o_bias) tensors.push_back({&FusedLayer::o_bias, 0, {{attention + "o_proj.bias", d_model}}});
  if (c.qk_norm) {
    tensors.push_back({&FusedLayer::q_norm, 0, {{attention + "q_norm.weight", c.head_dim}}});
    tensors.push_back({&FusedLayer::k_norm, 0, {{attention + "k_norm.weight", c.head_dim}}});
  }
  if (c.mlp_bias) {
    tensors.push_back({&FusedLayer::gate_up_bias, 0, gate_up("bias")});
    tensors.push_back({&FusedLayer::down_bias, 0, {{mlp + "down_proj.bias", d_model}}});
  }
  return tensors;
}

std::int64_t aligned(std::int64_t n, std::int64_t element_bytes) {
  const auto step = kAlignment / element_bytes;
  return (n + step - 1) / step * step;
}

// For the tensors of a layer side by side, so that it can be copied as a whole.
at::Tensor empty_layer(const ModelConfig& config, const at::TensorOptions& options) {
  std::int64_t n = 0;
  for (const auto& tensor : layer_tensors(config))
    n += aligned(tensor.numel(), static_cast<std::int64_t>(options.dtype().itemsize()));
  return at::empty({n}, options);
}

// Views of `numbers`.
FusedLayer layer_in(const at::Tensor& numbers, const ModelConfig& config) {
  FusedLayer layer;
  std::int64_t begin = 0;
  for (const auto& tensor : layer_tensors(config)) {
    const auto flat = numbers.narrow(0, begin, tensor.numel());
    layer.*tensor.member = tensor.n_columns > 0 ? flat.view({tensor.n_rows(), tensor.n_columns}) : flat;
    begin += aligned(tensor.numel(), numbers.element_size());
  }
  return layer;
}

void load_layer(WeightLoader& loader, std::int64_t index, const FusedLayer& layer,
                const ModelConfig& config) {
  for (const auto& tensor : layer_tensors(config)) {
    std::int64_t row = 0;
    for (const auto& [name, n_rows] : tensor.rows) {
      loader.load(layer_prefix(index) + name, (layer.*tensor.member).narrow(0, row, n_rows));
      row += n_rows;
    }
  }
}

std::int64_t bytes_with(const ModelConfig& c, at::ScalarType dtype, std::int64_t n_layers) {
  std::int64_t n_numbers = ((c.tied_embeddings ? 1 : 2) * c.vocab_size + 1) * c.hidden_size;
  for (const auto& tensor : layer_tensors(c)) n_numbers += n_layers * tensor.numel();
  return n_numbers * static_cast<std::int64_t>(c10::elementSize(dtype));
}

bool must_stream(const ModelConfig& config, at::ScalarType dtype, std::optional<std::int64_t> max_bytes) {
  const auto all = gpu_weight_bytes(config, dtype), streamed = streamed_gpu_weight_bytes(config, dtype);
  if (max_bytes.value_or(all) >= all) return false;
  if (*max_bytes < streamed)
    throw ConfigError("max_weight_memory",
                      in_binary_units(*max_bytes) +
                          " is too little: embedding, head and two layers of this model need " +
                          in_binary_units(streamed) + " (--max_weight_memory " + std::to_string(streamed) +
                          "), all of it " + in_binary_units(all));
  return true;
}

[[noreturn]] void refuse_for_want_of_pinned_memory(std::int64_t n_bytes, const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  throw ConfigError("max_weight_memory",
                    "layers that are streamed are kept in pinned memory of the host, " +
                        in_binary_units(n_bytes) +
                        " of it, which cannot be had: " + text.substr(0, text.find('\n')) +
                        "; free memory of the host, raise its limit (ulimit -l, memory of the container or "
                        "job), or leave the flag away");
}

}  // namespace

std::int64_t gpu_weight_bytes(const ModelConfig& config, at::ScalarType dtype) {
  return bytes_with(config, dtype, config.n_layers);
}

std::int64_t streamed_gpu_weight_bytes(const ModelConfig& config, at::ScalarType dtype) {
  return bytes_with(config, dtype, 2);
}

GpuWeights::GpuWeights(const std::filesystem::path& folder, const ModelConfig& config, at::ScalarType dtype,
                       const at::Device& device, const GpuWeightsOptions& options)
    : config_(config) {
  const auto files = open_checkpoint(folder, config);
  const bool to_stream = must_stream(config, dtype, options.max_bytes);
  WeightLoader loader(files, device, options.broadcast, options.slice_bytes);
  copy_stream_ = loader.stream();
  const c10::StreamGuard guard(*copy_stream_);
  const auto on_device = at::TensorOptions().dtype(dtype).device(device);
  embedding_ = at::empty({config.vocab_size, config.hidden_size}, on_device);
  loader.load(embedding_name(files), embedding_);
  if (to_stream)
    for (int i = 0; i < 2; ++i) {
      const auto numbers = empty_layer(config, on_device);
      slots_.push_back({.numbers = numbers,
                        .layer = layer_in(numbers, config),
                        .is_filled = StreamEvent(device),
                        .is_left = StreamEvent(device)});
    }
  for (std::int64_t l = 0; l < config.n_layers; ++l) {
    if (!to_stream) layers_.push_back(layer_in(empty_layer(config, on_device), config));
    load_layer(loader, l, to_stream ? slots_.front().layer : layers_.back(), config);
    if (to_stream) keep_on_host(slots_.front().numbers, options.slice_bytes);
  }
  final_norm_ = at::empty({config.hidden_size}, on_device);
  loader.load(kFinalNormName, final_norm_);
  lm_head_ = config.tied_embeddings ? embedding_ : at::empty_like(embedding_);
  if (!config.tied_embeddings) loader.load(kLmHeadName, lm_head_);
  loader.finish();
  hash_ = loader.hash();
}

// In pieces: the allocator of pinned memory rounds up to a power of two, which kSliceBytes is.
void GpuWeights::keep_on_host(const at::Tensor& numbers, std::int64_t piece_bytes) {
  auto& pieces = layers_of_host_.emplace_back();
  const auto n_in_piece = piece_bytes / static_cast<std::int64_t>(numbers.element_size());
  const auto options = numbers.options().device(at::kCPU).pinned_memory(!numbers.device().is_cpu());
  for (std::int64_t first = 0; first < numbers.numel(); first += n_in_piece) {
    const auto part = numbers.narrow(0, first, std::min(n_in_piece, numbers.numel() - first));
    try {
      pieces.push_back(at::empty(part.sizes(), options));
    } catch (const c10::Error& error) {
      refuse_for_want_of_pinned_memory(config_.n_layers * static_cast<std::int64_t>(numbers.nbytes()), error);
    }
    pieces.back().copy_(part, /*non_blocking=*/true);
  }
}

const FusedLayer& GpuWeights::layer(std::int64_t index, std::span<const c10::Stream> streams) {
  if (!is_streamed()) return layers_[static_cast<std::size_t>(index)];
  auto& slot = filled(index);
  require(!slot.is_in_use, "a layer is asked for again before it is done with");
  slot.is_in_use = true;
  for (const auto& stream : streams) slot.is_filled.hold_up(stream);
  filled((index + 1) % config_.n_layers);
  return slot.layer;
}

void GpuWeights::done_with(std::int64_t index, std::span<const c10::Stream> streams) {
  if (!is_streamed()) return;
  const auto slot = std::ranges::find(slots_, index, &Slot::index);
  require(slot != slots_.end() && slot->is_in_use, "a layer is done with that was not asked for");
  slot->is_in_use = false;
  for (const auto& stream : streams) {
    slot->is_left.record(stream);
    slot->is_left.hold_up(*copy_stream_);
  }
}

// The slot that has the layer, or will when its is_filled is past.
GpuWeights::Slot& GpuWeights::filled(std::int64_t index) {
  if (const auto slot = std::ranges::find(slots_, index, &Slot::index); slot != slots_.end()) return *slot;
  const auto slot = std::ranges::find(slots_, false, &Slot::is_in_use);
  require(slot != slots_.end(), "a layer is asked for before those before it are done with");
  slot->index = -1;  // should a copy fail
  const c10::StreamGuard guard(*copy_stream_);
  std::int64_t first = 0;
  for (const auto& piece : layers_of_host_[static_cast<std::size_t>(index)]) {
    slot->numbers.narrow(0, first, piece.numel()).copy_(piece, /*non_blocking=*/true);
    first += piece.numel();
  }
  slot->is_filled.record(*copy_stream_);
  slot->index = index;
  return *slot;
}

}  // namespace kvcompare
