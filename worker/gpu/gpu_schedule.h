// When the keys of a layer die, decided on the GPU: everything is queued on the current stream, and nothing
// waits for it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/data/sample.h"
#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"
#include "presses/policy/eviction.h"
#include "presses/registry.h"
#include "presses/scorer.h"
#include "worker/gpu/gpu_operators.h"
#include "worker/gpu/kernels/layer_deaths.h"
#include "worker/gpu/kernels/stream.h"
#include "worker/model/decoder.h"
#include "worker/model/rotation_tables.h"

namespace kvcompare {

// One layer of one unit.
struct GpuLayerView {
  LayerIndex layer;
  at::Tensor hidden;   // [n_tokens, d_model], after the input norm
  at::Tensor qkv;      // [n_tokens, (n_heads + 2 n_kv_heads) d_head], before RoPE
  at::Tensor rotated;  // [n_tokens, n_heads + n_kv_heads, d_head], with RoPE
  at::Tensor sinks{};  // [n_heads], if heads have some
};

// What units have in common.
struct GpuScheduleModel {
  const Decoder& decoder;
  const ScorerResources resources;
  RotationTables rotations;
  at::TensorOptions options;       // of the model's tensors
  FloatProducts feature_products;  // of expected_attention
};

// Of one unit, for all its layers in order. The model outlives it.
class GpuSchedule {
 public:
  GpuSchedule(const MethodSpec& method, const Chunking& chunking, const GpuScheduleModel& model);
  virtual ~GpuSchedule() = default;

  // deaths : [n_kv_heads, n_tokens], int32, written: DeathTime
  // until  : [n_kv_heads, n_tokens], int32, written: Chunking::sees_until
  virtual void make(const GpuLayerView& view, const at::Tensor& deaths, const at::Tensor& until) = 0;

  // When all that was queued is done. Throws std::domain_error if a score that counted was NaN.
  void check() const;

 protected:
  // deaths, until: [any number of heads, n_tokens], contiguous
  LayerDeaths layer_deaths(const at::Tensor& deaths, const at::Tensor& until) const;
  // The layer as presses see it, on the device.
  LayerView view_of(const GpuLayerView& layer, SampleIndex sample) const;
  const LayerShape& shape_of(const GpuLayerView& layer) const { return decoder_.layer(layer.layer.value); }
  gpu::Stream stream() const;
  int* status() const { return status_.mutable_data_ptr<int>(); }
  at::Tensor on_device(const std::vector<std::int32_t>& values) const;
  at::Tensor room(at::IntArrayRef sizes, at::ScalarType type) const;  // not initialised

  const MethodSpec method_;
  const Chunking chunking_;
  const EvictionRule rule_;
  const Decoder& decoder_;
  const RotationTables& rotations_;
  const HeadShape& heads_;
  const at::TensorOptions options_;

 private:
  const at::Tensor status_;
};

// By what the method's row declares. Null for the baseline. Throws ConfigError for a method without a
// schedule.
std::unique_ptr<GpuSchedule> make_gpu_schedule(const MethodSpec& method, const Sample& sample,
                                               const Chunking& chunking, const GpuScheduleModel& model);

}  // namespace kvcompare
