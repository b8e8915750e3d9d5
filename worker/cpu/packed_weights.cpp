#include "worker/cpu/packed_weights.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
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

// Experts of a layer are read in about so many groups: the first of them nobody can compute with yet, and one
// is in use while the next is read.
constexpr std::int64_t kExpertGroups = 8;

std::int64_t n_experts_together(const ExpertsShape& experts) { return (experts.n - 1) / kExpertGroups + 1; }

// Without experts.
FusedLayer pack(const Decoder& decoder, std::int64_t index, const LayerWeights& weights,
                WeightLayout layout) {
  FusedLayer packed;
  for (const auto& fused : layer_tensors(decoder, index)) {
    if (fused.n_experts() > 0) continue;
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

//   weights : CheckpointWeights::expert()
ExpertWeights pack_expert(std::int64_t expert, const LayerWeights& weights, WeightLayout layout) {
  const auto matrices = weights.gate_up.defined() ? std::vector<at::Tensor>{weights.gate_up}
                                                  : std::vector<at::Tensor>{weights.gate, weights.up};
  const auto bias = [](const at::Tensor& stored) {
    return stored.defined() ? one_behind_the_other({stored}) : at::Tensor();
  };
  return {.expert = expert,
          .gate_up = side_by_side(matrices, layout),
          .gate_up_bias = bias(weights.gate_up_bias),
          .down = side_by_side({weights.down}, layout),
          .down_bias = bias(weights.down_bias)};
}

// Numbers of the matrices of all experts of a layer.
std::int64_t n_expert_numbers(const Decoder& decoder, std::int64_t layer) {
  std::int64_t n = 0;
  for (const auto& fused : layer_tensors(decoder, layer))
    if (fused.n_experts() > 0 && fused.is_matrix()) n += fused.n_numbers();
  return n;
}

std::vector<std::int64_t> all_experts(std::int64_t n) {
  std::vector<std::int64_t> experts(static_cast<std::size_t>(n));
  std::iota(experts.begin(), experts.end(), 0);
  return experts;
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
  const bool fits = !max_bytes || n_bytes_of_all_stages() <= *max_bytes;
  if (!fits && *max_bytes < n_bytes_streaming())
    throw ConfigError("max_weight_memory", in_binary_units(*max_bytes) +
                                               " is too little: reading this model layer by layer needs " +
                                               in_binary_units(n_bytes_streaming()) + ", keeping all of it " +
                                               in_binary_units(n_bytes_of_all_stages()));
  if (!decoder_.has_tied_head) checkpoint_.check_embedding();
  load_all(fits);
}

void PackedWeights::load_all(bool keep) {
  resident_experts_.resize(decoder_.layers.size());
  for (std::int64_t i = 0; i < n_stages(); ++i) {
    auto loaded = load({i});
    if (keep) resident_.push_back(std::move(loaded));
    if (!has_experts(i)) continue;
    for (const auto& group : groups_of(i, all_experts(decoder_.layer(i).mlp.experts.n))) {
      const auto experts = load(group);
      auto& kept = resident_experts_[static_cast<std::size_t>(i)];
      if (keep) std::ranges::copy(std::get<ExpertGroup>(*experts), std::back_inserter(kept));
    }
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

std::span<const ExpertWeights> PackedWeights::experts(std::int64_t layer) const {
  require(!streams() || !has_experts(layer), "experts that are streamed are not in memory");
  return resident_experts_[static_cast<std::size_t>(layer)];
}

void PackedWeights::stream_experts(std::int64_t layer, const std::vector<std::int64_t>& chosen,
                                   const std::function<void(const ExpertGroup&)>& f) {
  const auto groups = groups_of(layer, chosen);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto next = g + 1 < groups.size() ? groups[g + 1] : Piece{(layer + 1) % n_stages()};
    f(std::get<ExpertGroup>(*stream(groups[g], next)));
  }
}

bool PackedWeights::has_experts(std::int64_t stage) const {
  return stage < decoder_.n_layers() && decoder_.layer(stage).mlp.has_experts();
}

std::vector<PackedWeights::Piece> PackedWeights::groups_of(std::int64_t layer,
                                                           const std::vector<std::int64_t>& experts) const {
  const auto n = n_experts_together(decoder_.layer(layer).mlp.experts);
  std::vector<Piece> groups;
  for (auto first = experts.begin(); first != experts.end();) {
    const auto end = first + std::min(n, std::distance(first, experts.end()));
    groups.push_back({layer, {first, end}});
    first = end;
  }
  return groups;
}

// Of the piece in use, the one being read, and what that is converted from. What a layer has beside its
// experts is in use together with some of them. Matrices alone: norms and biases are nothing beside them.
std::int64_t PackedWeights::n_bytes_streaming() const {
  auto stage = decoder_.hidden_size * std::min(decoder_.vocab_size, kHeadBlock);
  std::int64_t group = 0, with_experts = 0;
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l) {
    const auto of_experts = n_expert_numbers(decoder_, l);
    const auto others = n_layer_matrix_numbers(decoder_, l) - of_experts;
    stage = std::max(stage, others);
    if (of_experts == 0) continue;
    const auto& experts = decoder_.layer(l).mlp.experts;
    group = std::max(group, of_experts / experts.n * n_experts_together(experts));
    with_experts = std::max(with_experts, others);
  }
  const auto most = std::max(3 * stage, with_experts + group + 2 * std::max(stage, group));
  return static_cast<std::int64_t>(c10::elementSize(dtype_)) * most;
}

std::int64_t PackedWeights::n_bytes_of_all_stages() const {
  auto n = decoder_.hidden_size * decoder_.vocab_size;
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l) n += n_layer_matrix_numbers(decoder_, l);
  return static_cast<std::int64_t>(c10::elementSize(dtype_)) * n;
}

PackedWeights::LoadedPointer PackedWeights::load(const Piece& piece) const {
  const auto layout = layout_for(products_);
  LoadedPointer loaded;
  if (!piece.experts.empty()) {
    ExpertGroup group;
    for (const auto e : piece.experts)
      group.push_back(pack_expert(e, checkpoint_.expert(piece.stage, e), layout));
    loaded = std::make_shared<const Loaded>(std::move(group));
  } else if (piece.stage < decoder_.n_layers()) {
    loaded = std::make_shared<const Loaded>(
        pack(decoder_, piece.stage, checkpoint_.layer_without_experts(piece.stage), layout));
  } else {
    const auto begin = (piece.stage - decoder_.n_layers()) * kHeadBlock;
    const auto rows = checkpoint_.lm_head_rows(begin, std::min(kHeadBlock, decoder_.vocab_size - begin));
    loaded = std::make_shared<const Loaded>(side_by_side({rows}, layout));
  }
  checkpoint_.drop_pages();
  return loaded;
}

// Behind a layer with experts nobody knows yet what is next.
PackedWeights::LoadedPointer PackedWeights::stage(std::int64_t index) {
  if (!streams()) return resident_[static_cast<std::size_t>(index)];
  if (has_experts(index)) return stream({index}, std::nullopt);
  return stream({index}, Piece{(index + 1) % n_stages()});
}

PackedWeights::LoadedPointer PackedWeights::stream(const Piece& piece, const std::optional<Piece>& next) {
  // A reading ahead that failed is told once; who asks again has it tried again.
  const bool is_under_way = std::exchange(read_ahead_piece_, std::nullopt) == piece;
  auto current = is_under_way ? read_ahead_.get() : load(piece);
  if (!next) return current;
  read_ahead_piece_ = next;
  read_ahead_ = std::async(std::launch::async, [this, ahead = *next] {
    const c10::InferenceMode no_autograd;
    at::set_num_threads(1);
    return load(ahead);
  });
  return current;
}

}  // namespace kvcompare
