// When the keys of a layer die. Under scores known from the token this is decided on the GPU, queued on the
// current stream without waiting for anything; under scores that change with every event, on the CPU
// (layer_schedule.h).
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "common/method_spec.h"
#include "common/sample.h"
#include "presses/death_times.h"
#include "presses/registry.h"
#include "worker/model.h"

namespace kvcompare {

// One layer of one unit.
struct GpuLayerView {
  LayerIndex layer;
  at::Tensor hidden;   // [n_tokens, d_model], after the input norm
  at::Tensor qkv;      // [n_tokens, (n_heads + 2 n_kv_heads) d_head], before RoPE
  at::Tensor rotated;  // [n_tokens, n_heads + n_kv_heads, d_head], with RoPE
};

// Of one unit, for all its layers in order.
class GpuSchedule {
 public:
  virtual ~GpuSchedule() = default;

  // deaths : [n_kv_heads, n_tokens], int32, written: DeathTime
  // until  : [n_kv_heads, n_tokens], int32, written: Chunking::sees_until
  virtual void make(const GpuLayerView& view, const at::Tensor& deaths, const at::Tensor& until) = 0;

  // When all that was queued is done. Throws std::domain_error if a score that counted was NaN.
  virtual void check() const = 0;
};

// Null if the unit's cache keeps every key as long as a query could see it. rope and resources outlive it.
std::unique_ptr<GpuSchedule> make_gpu_schedule(const MethodSpec& method, const ScorerResources& resources,
                                               const Sample& sample, const Chunking& chunking,
                                               const ModelConfig& config, const Rope& rope,
                                               const at::TensorOptions& options);

}  // namespace kvcompare
