#include "worker/cpu/packed_weights.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>

#include "common/errors.h"
#include "worker/devices/binary_units.h"
#include "worker/devices/cpu_features.h"

namespace kvcompare {
namespace {

at::ScalarType at_least_float32(at::ScalarType type) { return type == at::kDouble ? type : at::kFloat; }

// A tensor of the checkpoint may be a view of the file, whose pages are dropped.
at::Tensor own(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.to(at_least_float32(tensor.scalar_type()), false, true) : tensor;
}

at::Tensor joined(std::initializer_list<at::Tensor> biases) {
  return biases.begin()->defined() ? own(at::cat(at::TensorList(biases.begin(), biases.size())))
                                   : at::Tensor();
}

FusedLayer pack(const LayerWeights& w, WeightLayout layout) {
  FusedLayer packed;
  packed.input_norm = own(w.input_norm);
  packed.qkv = side_by_side({w.q, w.k, w.v}, layout);
  packed.qkv_bias = joined({w.q_bias, w.k_bias, w.v_bias});
  packed.q_norm = own(w.q_norm);
  packed.k_norm = own(w.k_norm);
  packed.o = side_by_side({w.o}, layout);
  packed.o_bias = own(w.o_bias);
  packed.post_attention_norm = own(w.post_attention_norm);
  packed.gate_up = side_by_side({w.gate, w.up}, layout);
  packed.gate_up_bias = joined({w.gate_bias, w.up_bias});
  packed.down = side_by_side({w.down}, layout);
  packed.down_bias = own(w.down_bias);
  return packed;
}

// Of its matrices; norms and biases are nothing beside them.
std::int64_t n_numbers_of_layer(const ModelConfig& c) {
  return c.hidden_size * ((2 * c.n_heads + 2 * c.n_kv_heads) * c.head_dim + 3 * c.intermediate_size);
}

}  // namespace

PackedWeights::PackedWeights(const ModelConfig& config, CheckpointWeights checkpoint,
                             std::optional<std::int64_t> max_bytes, std::optional<ProductKind> products)
    : config_(config),
      checkpoint_(std::move(checkpoint)),
      n_head_blocks_((config.vocab_size - 1) / kHeadBlock + 1),
      dtype_(checkpoint_.dtype()),
      products_(products.value_or(product_kind(dtype_, read_cpuinfo()))),
      final_norm_(own(checkpoint_.final_norm())) {
  // In use, the one being read, and what that is converted from.
  const auto n_bytes_streaming = 3 * n_bytes_of_largest_stage();
  const bool fits = !max_bytes || n_bytes_of_all_stages() <= *max_bytes;
  if (!fits && *max_bytes < n_bytes_streaming)
    throw ConfigError("max_weight_memory", in_binary_units(*max_bytes) +
                                               " is too little: reading this model layer by layer needs " +
                                               in_binary_units(n_bytes_streaming) + ", keeping all of it " +
                                               in_binary_units(n_bytes_of_all_stages()));
  if (!config_.tied_embeddings) checkpoint_.check_embedding();
  for (std::int64_t i = 0; i < n_stages(); ++i) {
    auto loaded = load(i);
    if (fits) resident_.push_back(std::move(loaded));
  }
}

std::shared_ptr<const FusedLayer> PackedWeights::layer(std::int64_t index) {
  const auto found = stage(index);
  return {found, &std::get<FusedLayer>(*found)};
}

std::shared_ptr<const at::Tensor> PackedWeights::head_block(std::int64_t index) {
  const auto found = stage(config_.n_layers + index);
  return {found, &std::get<at::Tensor>(*found)};
}

std::int64_t PackedWeights::n_bytes_of_largest_stage() const {
  const auto head_block = config_.hidden_size * std::min(config_.vocab_size, kHeadBlock);
  return static_cast<std::int64_t>(c10::elementSize(dtype_)) *
         std::max(n_numbers_of_layer(config_), head_block);
}

std::int64_t PackedWeights::n_bytes_of_all_stages() const {
  return static_cast<std::int64_t>(c10::elementSize(dtype_)) *
         (config_.n_layers * n_numbers_of_layer(config_) + config_.hidden_size * config_.vocab_size);
}

PackedWeights::StagePointer PackedWeights::load(std::int64_t stage) const {
  StagePointer loaded;
  if (stage < config_.n_layers) {
    loaded = std::make_shared<const Stage>(pack(checkpoint_.layer(stage), layout_for(products_)));
  } else {
    const auto begin = (stage - config_.n_layers) * kHeadBlock;
    const auto rows = checkpoint_.lm_head_rows(begin, std::min(kHeadBlock, config_.vocab_size - begin));
    loaded = std::make_shared<const Stage>(side_by_side({rows}, layout_for(products_of_head())));
  }
  checkpoint_.drop_pages();
  return loaded;
}

PackedWeights::StagePointer PackedWeights::stage(std::int64_t index) {
  if (!streams()) return resident_[static_cast<std::size_t>(index)];
  // A reading ahead that failed is told once; who asks again has it tried again.
  const bool is_under_way = std::exchange(read_ahead_index_, -1) == index;
  auto current = is_under_way ? read_ahead_.get() : load(index);
  read_ahead_index_ = (index + 1) % n_stages();
  read_ahead_ = std::async(std::launch::async, [this, next = read_ahead_index_] {
    const c10::InferenceMode no_autograd;
    at::set_num_threads(1);
    return load(next);
  });
  return current;
}

}  // namespace kvcompare
