#include "worker/cpu/packed_weights.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <c10/core/InferenceMode.h>

#include "common/errors.h"
#include "worker/devices/binary_units.h"
#include "worker/devices/cpu_features.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

at::ScalarType at_least_float32(at::ScalarType type) { return type == at::kDouble ? type : at::kFloat; }

// A tensor of the checkpoint may be a view of the file, whose pages are dropped: what comes out is none.
at::Tensor one_behind_the_other(const std::vector<at::Tensor>& vectors) {
  return at::cat(vectors).to(at_least_float32(vectors.front().scalar_type()), false, true);
}

// Each expert's matrices side by side: [n_experts, in, out].
at::Tensor pack_experts(const FusedTensor& fused, const LayerWeights& weights, WeightLayout layout) {
  std::vector<at::Tensor> experts;
  std::vector<at::Tensor> parts;
  for (const auto& stored : fused.parts) {
    if (stored.expert > std::ssize(experts)) {
      experts.push_back(side_by_side(parts, layout));
      parts.clear();
    }
    parts.push_back((weights.*stored.member)[stored.expert]);
  }
  experts.push_back(side_by_side(parts, layout));
  return at::stack(experts);
}

FusedLayer pack(const Decoder& decoder, std::int64_t index, const LayerWeights& weights,
                WeightLayout layout) {
  FusedLayer packed;
  for (const auto& fused : layer_tensors(decoder, index)) {
    if (fused.n_experts() > 0) {
      packed.*fused.member = fused.is_matrix()
                                 ? pack_experts(fused, weights, layout)
                                 : one_behind_the_other({weights.*fused.parts.front().member}).flatten();
      continue;
    }
    std::vector<at::Tensor> parts;
    for (const auto& stored : fused.parts) parts.push_back(weights.*stored.member);
    packed.*fused.member = fused.is_matrix() ? side_by_side(parts, layout) : one_behind_the_other(parts);
  }
  if (const double offset = decoder.norm.offset; offset != 0)
    for (auto* weight : {&packed.input_norm, &packed.attention_norm, &packed.mlp_input_norm, &packed.mlp_norm,
                         &packed.q_norm, &packed.k_norm})
      if (weight->defined()) weight->add_(offset);
  return packed;
}

}  // namespace

PackedWeights::PackedWeights(const Decoder& decoder, CheckpointWeights checkpoint,
                             std::optional<std::int64_t> max_bytes, std::optional<ProductKind> products)
    : decoder_(decoder),
      checkpoint_(std::move(checkpoint)),
      n_head_blocks_((decoder.vocab_size - 1) / kHeadBlock + 1),
      dtype_(checkpoint_.dtype()),
      products_(products.value_or(product_kind(dtype_, read_cpuinfo()))),
      final_norm_(one_behind_the_other({checkpoint_.final_norm()})) {
  if (decoder_.norm.offset != 0) final_norm_.add_(decoder_.norm.offset);
  if (decoder_.norm.has_bias) final_norm_bias_ = one_behind_the_other({checkpoint_.final_norm_bias()});
  // In use, the one being read, and what that is converted from.
  const auto n_bytes_streaming = 3 * n_bytes_of_largest_stage();
  const bool fits = !max_bytes || n_bytes_of_all_stages() <= *max_bytes;
  if (!fits && *max_bytes < n_bytes_streaming)
    throw ConfigError("max_weight_memory", in_binary_units(*max_bytes) +
                                               " is too little: reading this model layer by layer needs " +
                                               in_binary_units(n_bytes_streaming) + ", keeping all of it " +
                                               in_binary_units(n_bytes_of_all_stages()));
  if (!decoder_.has_tied_head) checkpoint_.check_embedding();
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
  const auto found = stage(decoder_.n_layers() + index);
  return {found, &std::get<at::Tensor>(*found)};
}

// Matrices alone: norms and biases are nothing beside them.
std::int64_t PackedWeights::n_bytes_of_largest_stage() const {
  auto most = decoder_.hidden_size * std::min(decoder_.vocab_size, kHeadBlock);
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l)
    most = std::max(most, n_layer_matrix_numbers(decoder_, l));
  return static_cast<std::int64_t>(c10::elementSize(dtype_)) * most;
}

std::int64_t PackedWeights::n_bytes_of_all_stages() const {
  auto n = decoder_.hidden_size * decoder_.vocab_size;
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l) n += n_layer_matrix_numbers(decoder_, l);
  return static_cast<std::int64_t>(c10::elementSize(dtype_)) * n;
}

PackedWeights::StagePointer PackedWeights::load(std::int64_t stage) const {
  StagePointer loaded;
  if (stage < decoder_.n_layers()) {
    loaded =
        std::make_shared<const Stage>(pack(decoder_, stage, checkpoint_.layer(stage), layout_for(products_)));
  } else {
    const auto begin = (stage - decoder_.n_layers()) * kHeadBlock;
    const auto rows = checkpoint_.lm_head_rows(begin, std::min(kHeadBlock, decoder_.vocab_size - begin));
    loaded = std::make_shared<const Stage>(side_by_side({rows}, layout_for(products_)));
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
