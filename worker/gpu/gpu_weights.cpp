#include "worker/gpu/gpu_weights.h"

#include <algorithm>
#include <string>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/StreamGuard.h>
#include <c10/util/Exception.h>

#include "common/errors.h"
#include "worker/checkpoint/weights.h"
#include "worker/devices/binary_units.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kAlignment = 256;  // bytes; what cuBLAS and 16-byte loads like

std::int64_t aligned(std::int64_t n, std::int64_t element_bytes) {
  const auto step = kAlignment / element_bytes;
  return (n + step - 1) / step * step;
}

// For the tensors of a layer side by side, so that it can be copied as a whole.
std::int64_t n_numbers_with_gaps(const Decoder& decoder, std::int64_t layer, std::int64_t element_bytes) {
  std::int64_t n = 0;
  for (const auto& tensor : layer_tensors(decoder, layer)) n += aligned(tensor.n_numbers(), element_bytes);
  return n;
}

// Views of `numbers`.
FusedLayer layer_in(const at::Tensor& numbers, const Decoder& decoder, std::int64_t index) {
  FusedLayer layer;
  std::int64_t begin = 0;
  for (const auto& tensor : layer_tensors(decoder, index)) {
    const auto flat = numbers.narrow(0, begin, tensor.n_numbers());
    layer.*tensor.member = tensor.is_matrix() ? flat.view({tensor.n_rows(), tensor.n_columns()}) : flat;
    begin += aligned(tensor.n_numbers(), numbers.element_size());
  }
  return layer;
}

void load_layer(WeightLoader& loader, const Decoder& decoder, std::int64_t index, const FusedLayer& layer) {
  for (const auto& tensor : layer_tensors(decoder, index)) {
    std::int64_t row = 0;
    for (const auto& stored : tensor.parts) {
      const auto rows = (layer.*tensor.member).narrow(0, row, stored.n_rows());
      loader.load(layer_prefix(index) + stored.name, rows,
                  stored.first_row * (stored.n_numbers() / stored.n_rows()));
      if (!stored.is_in_order()) rows.copy_(in_order(stored, rows));
      row += stored.n_rows();
    }
  }
}

bool must_stream(const Decoder& decoder, at::ScalarType dtype, std::optional<std::int64_t> max_bytes) {
  const auto number_bytes = static_cast<std::int64_t>(c10::elementSize(dtype));
  const auto all = n_decoder_numbers(decoder) * number_bytes;
  const auto streamed = n_streamed_numbers(decoder) * number_bytes;
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

GpuWeights::GpuWeights(const std::filesystem::path& folder, const Decoder& decoder, at::ScalarType dtype,
                       const at::Device& device, const GpuWeightsOptions& options)
    : decoder_(decoder) {
  const auto files = open_checkpoint(folder, decoder);
  const bool to_stream = must_stream(decoder, dtype, options.max_bytes);
  WeightLoader loader(files, device, options.broadcast, options.slice_bytes);
  copy_stream_ = loader.stream();
  const c10::StreamGuard guard(*copy_stream_);
  const auto on_device = at::TensorOptions().dtype(dtype).device(device);
  embedding_ = at::empty({decoder.vocab_size, decoder.hidden_size}, on_device);
  loader.load(embedding_name(files), embedding_);
  std::vector<std::int64_t> n_numbers;  // of each layer
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l)
    n_numbers.push_back(
        n_numbers_with_gaps(decoder, l, static_cast<std::int64_t>(on_device.dtype().itemsize())));
  if (to_stream)
    for (int i = 0; i < 2; ++i)
      slots_.push_back({.numbers = at::empty({std::ranges::max(n_numbers)}, on_device),
                        .layer = {},
                        .is_filled = StreamEvent(device),
                        .is_left = StreamEvent(device)});
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) {
    const auto n = n_numbers[static_cast<std::size_t>(l)];
    const auto numbers = to_stream ? slots_.front().numbers.narrow(0, 0, n) : at::empty({n}, on_device);
    const auto layer = layer_in(numbers, decoder, l);
    load_layer(loader, decoder, l, layer);
    if (to_stream)
      keep_on_host(numbers, options.slice_bytes);
    else
      layers_.push_back(layer);
  }
  final_norm_ = at::empty({decoder.hidden_size}, on_device);
  loader.load(kFinalNormName, final_norm_);
  if (decoder.norm.has_bias) {
    final_norm_bias_ = at::empty_like(final_norm_);
    loader.load(kFinalNormBiasName, final_norm_bias_);
  }
  lm_head_ = decoder.has_tied_head ? embedding_ : at::empty_like(embedding_);
  if (!decoder.has_tied_head) loader.load(kLmHeadName, lm_head_);
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
      refuse_for_want_of_pinned_memory(decoder_.n_layers() * static_cast<std::int64_t>(numbers.nbytes()),
                                       error);
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
  filled((index + 1) % decoder_.n_layers());
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
  slot->layer = layer_in(slot->numbers, decoder_, index);
  slot->is_filled.record(*copy_stream_);
  slot->index = index;
  return *slot;
}

}  // namespace kvcompare
