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
#include "worker/weights/fused_layer.h"

namespace kvcompare {

// What a unit works in; kept for the next one, and made anew for a longer sample.
struct GpuUnitBuffers {
  at::Tensor x, delta, hidden;  // [n_tokens, d_model]
  at::Tensor qkv;               // [n_tokens, (n_heads + 2 n_kv_heads) d_head]
  at::Tensor rotated;           // [n_tokens, n_heads + n_kv_heads, d_head]
  at::Tensor heads;             // [n_tokens, n_heads d_head]
  at::Tensor reference;         // [n_tokens, d_model], last hidden states of the baseline
  at::Tensor wide;              // [n_wide_elements]: gate and up of some rows, or logits of fewer, twice
  at::Tensor gated;             // [n_rows, d_ff] elements
  at::Tensor deaths, until;     // [n_kv_heads * n_tokens], int32
  at::Tensor all_deaths;        // [n_layers * n_kv_heads * n_tokens], int32, in memory of the host
  at::Tensor ids;               // [n_tokens], int64
  at::Tensor scores;            // [4, n_tokens], float32: NLL; with a reference its NLL, kl and acceptance
  at::Tensor top1;              // [2, n_tokens], int32: most likely tokens; those of the reference
  at::Tensor scores_of_host;    // the same in memory of the host
  at::Tensor top1_of_host;
};

//   n_tokens : of the longest sample that they are for
//   n_rows   : of gate and up at once
GpuUnitBuffers make_gpu_unit_buffers(const ModelConfig& config, std::int64_t n_tokens, std::int64_t n_rows,
                                     const at::TensorOptions& options);

// Cosine and sine of every position so far asked for.
struct GpuRotations {
  at::Tensor cos, sin;  // [n, d_head / 2], float32
};

// Everything is queued on the current stream. task, model and buffers outlive the unit.
class GpuUnit {
 public:
  GpuUnit(const EngineTask& task, const GpuScheduleModel& model, MatrixInstruction instruction,
          std::int64_t chunk_size, std::int64_t n_rows, const GpuUnitBuffers& buffers);

  void embed(const at::Tensor& embedding);

  // Behind it x lacks `delta`, which the next norm adds.
  void pass_layer(LayerIndex index, const FusedLayer& w, const GpuRotations& rotation);

  void predict(const at::Tensor& final_norm, const at::Tensor& lm_head);

  // When all that was queued is done.
  EngineResult result(const DeathObserver& observe_deaths);

 private:
  at::Tensor deaths() const;
  at::Tensor until() const;
  TokenDistributions tokens() const;

  const EngineTask& task_;
  const Sample& sample_;
  const ModelConfig& config_;
  const MatrixInstruction instruction_;
  const std::int64_t n_;
  const std::int64_t n_rows_;
  const Chunking chunking_;
  KeyLedger ledger_;
  std::unique_ptr<GpuSchedule> schedule_;
  const GpuUnitBuffers& b_;
};

}  // namespace kvcompare
