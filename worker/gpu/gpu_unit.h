// One sample under one method on its way through the model on a GPU: what is queued for it, layer by layer,
// and the buffers that it works in.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "worker/engine/death_observer.h"
#include "worker/engine/engine.h"
#include "worker/engine/key_ledger.h"
#include "worker/gpu/gpu_operators.h"
#include "worker/gpu/gpu_schedule.h"
#include "worker/gpu/gpu_unit_buffers.h"
#include "worker/gpu/gpu_weights.h"
#include "worker/model/fused_layer.h"

namespace kvcompare {

// Everything is queued on the current stream. task, model and buffers outlive the unit.
class GpuUnit {
 public:
  GpuUnit(const EngineTask& task, const GpuScheduleModel& model, MatrixInstruction instruction,
          const Chunking& chunking, std::int64_t n_rows, const GpuUnitBuffers& buffers);

  void embed(const at::Tensor& embedding);

  // The rotations of the model reach the end of the sample. Behind the layer x lacks `delta`, which the next
  // norm adds.
  void pass_layer(LayerIndex index, const FusedLayer& w);

  void predict(const GpuWeights& weights);

  // When all that was queued is done.
  EngineResult result(const DeathObserver& observe_deaths);

 private:
  void keep_all();
  at::Tensor deaths() const;
  at::Tensor until() const;
  at::Tensor until_in(const LayerShape& layer) const;  // the query at which a key dies or leaves the window

  at::Tensor add_and_norm(const at::Tensor& delta, const NormWeights& norm) const;
  void norm_in_place(const NormWeights& norm, const at::Tensor& x) const;
  void norm_all_heads(const LayerShape& shape, const FusedLayer& w, const at::Tensor& qkv) const;
  void pass_experts(const MlpShape& mlp, const FusedLayer& w, const at::Tensor& hidden) const;
  void pass_mlp(const MlpShape& mlp, const FusedLayer& w, const at::Tensor& hidden) const;

  TokenDistributions tokens() const;

  const EngineTask& task_;
  const Sample& sample_;
  const Decoder& decoder_;
  const NormShape& norm_;
  const RotationTables& rotations_;
  const HeadShape& heads_;
  const MatrixInstruction instruction_;
  const std::int64_t n_;
  const std::int64_t n_rows_;
  const Chunking chunking_;
  KeyLedger ledger_;
  std::unique_ptr<GpuSchedule> schedule_;
  const GpuUnitBuffers& b_;
  double multiplier_ = 1;  // with which `delta` is added to the residual stream
};

}  // namespace kvcompare
