// What the tiled engine holds of one unit on its way through the model.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include <ATen/core/Tensor.h>

#include "presses/policy/layer_press.h"
#include "presses/registry.h"
#include "worker/cpu/distribution_kernels.h"
#include "worker/cpu/tile_routing.h"
#include "worker/engine/engine.h"
#include "worker/engine/key_ledger.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// Logits of a predicted token.
struct TokenLogits {
  LogitRow row;
  double of_target = 0;

  double nll() const { return row.log_sum.value() - of_target; }
};

// T: float or double.
template <class T>
struct UnitInFlight {
  //   of_reference_task : of the same batch, if the task names one
  UnitInFlight(const EngineTask& task, UnitInFlight* of_reference_task, const Decoder& decoder,
               const ScorerResources& resources, const Chunking& cut);

  std::int64_t n_tokens() const { return chunking.n_tokens; }

  // By any thread, of the first failure; the unit's further tiles are left out.
  void fail(std::exception_ptr error);

  const Sample& sample;
  const MethodSpec& method;
  const Chunking chunking;
  const std::unique_ptr<LayerPress> press;
  const PressNeeds needs;
  const std::unique_ptr<DeathSchedule> schedule;
  at::Tensor x;       // [n_tokens, d_model], the residual stream
  at::Tensor q;       // [n_tokens, n_heads * d_head]
  at::Tensor raw_q;   // the same before RoPE, if the schedule needs it
  at::Tensor k, v;    // [n_kv_heads, n_tokens, d_head]
  at::Tensor deaths;  // [n_kv_heads, n_tokens], int32: DeathTime
  at::Tensor until;   // [n_kv_heads, n_tokens], int32: the first query that does not see the key
  at::Tensor heads;   // [n_tokens, n_heads * d_head], what attention gives
  // Of a layer with experts: what they are passed and what they have given, [n_tokens, d_model] each, and who
  // passes which of them, by row tile.
  at::Tensor expert_hidden, expert_sum;
  std::vector<TileRouting<T>> routings;
  KeyLedger ledger;
  // The unit whose last hidden states are the reference (EngineTask::reference_task), or nullptr.
  UnitInFlight* const baseline;
  at::Tensor reference;             // EngineTask::reference, or of `baseline` once it has come to the head
  const bool gives_last_hidden;     // EngineTask::gives_last_hidden
  at::Tensor last_hidden;           // EngineResult::last_hidden, from the head on
  std::vector<TokenLogits> tokens;  // [n_tokens - 1]
  // The same of the reference, and what they are apart; empty without one.
  std::vector<TokenLogits> reference_tokens;
  std::vector<RowDistance> distances;
  std::atomic<std::int64_t> busy_ns{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::exception_ptr failure;
};

}  // namespace kvcompare
