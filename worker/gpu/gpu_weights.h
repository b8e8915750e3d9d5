// Weights as the GPU engine multiplies with them. All are on the device if they fit the memory allowed; if
// they do not, the layers are in pinned memory of the host, read once, and two of them on the device: one is
// in use while the next is copied. Embedding, head and final norm are always on the device.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/devices/device_stream.h"
#include "worker/model/decoder.h"
#include "worker/model/fused_layer.h"
#include "worker/weights/weight_loader.h"

namespace kvcompare {

struct GpuWeightsOptions {
  std::optional<std::int64_t> max_bytes = std::nullopt;  // of weights on the device; all stay if they fit
  WeightBroadcast* broadcast = nullptr;                  // of ranks that share the reading; null: none
  std::int64_t slice_bytes = kSliceBytes;
};

// For one caller at a time.
class GpuWeights {
 public:
  // Reads, checks and hashes every weight; collective over the ranks of a broadcast. A CPU will do as device.
  // Throws CheckpointError, and ConfigError("max_weight_memory") if that is less than streaming needs or the
  // host has no pinned memory for the layers.
  GpuWeights(const std::filesystem::path& folder, const Decoder& decoder, at::ScalarType dtype,
             const at::Device& device, const GpuWeightsOptions& options = {});
  GpuWeights(const GpuWeights&) = delete;
  GpuWeights& operator=(const GpuWeights&) = delete;

  const Decoder& decoder() const { return decoder_; }
  at::TensorOptions options() const { return embedding_.options(); }
  at::Device device() const { return embedding_.device(); }
  bool is_streamed() const { return !slots_.empty(); }

  // SHA-256 of all weights as they came to be on the device: the same on every rank and device that has the
  // same numbers.
  const std::string& hash() const { return hash_; }

  const at::Tensor& embedding() const { return embedding_; }              // [vocab, d_model]
  const at::Tensor& final_norm() const { return final_norm_; }            // [d_model]
  const at::Tensor& final_norm_bias() const { return final_norm_bias_; }  // [d_model], or undefined
  const at::Tensor& lm_head() const { return lm_head_; }  // [vocab, d_model]; the embedding if tied

  // The layer, for work that is queued on these streams until done_with(). Begins to copy the one behind it
  // (the first behind the last), so the caller is done with the layer before this one.
  const FusedLayer& layer(std::int64_t index, std::span<const c10::Stream> streams);

  // Call when all work on the layer has been queued.
  //   streams : the same as passed to layer()
  void done_with(std::int64_t index, std::span<const c10::Stream> streams);

 private:
  // A place on the device for one layer after the other.
  struct Slot {
    at::Tensor numbers;       // of the largest layer
    FusedLayer layer;         // views of numbers
    std::int64_t index = -1;  // of the layer that is there, or on its way
    bool is_in_use = false;
    StreamEvent is_filled;
    StreamEvent is_left;  // by one stream after the other
  };

  void keep_on_host(const at::Tensor& numbers, std::int64_t piece_bytes);
  Slot& filled(std::int64_t index);

  Decoder decoder_;
  at::Tensor embedding_, final_norm_, final_norm_bias_, lm_head_;
  std::vector<FusedLayer> layers_;                       // if all are on the device
  std::vector<Slot> slots_;                              // two, if layers are streamed
  std::vector<std::vector<at::Tensor>> layers_of_host_;  // of each: Slot::numbers in pieces, pinned
  std::optional<c10::Stream> copy_stream_;
  std::string hash_;
};

}  // namespace kvcompare
