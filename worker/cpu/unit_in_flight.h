// What the tiled engine holds of one unit on its way through the model.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/ops/empty.h>

#include "presses/policy/layer_press.h"
#include "presses/registry.h"
#include "worker/cpu/distribution_kernels.h"
#include "worker/engine/engine.h"
#include "worker/engine/key_ledger.h"

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
  // rope outlives the unit.
  UnitInFlight(const EngineTask& task, const ModelConfig& config, const ScorerResources& resources,
               const Rope& rope, std::int64_t chunk_size)
      : sample(*task.sample),
        method(*task.method),
        chunking{std::ssize(sample.ids), chunk_size},
        press(make_press(method, resources)),
        needs(press->needs()),
        schedule(press->start_schedule({.chunking = chunking,
                                        .n_heads = config.n_heads,
                                        .n_kv_heads = config.n_kv_heads,
                                        .rope = rope})),
        ledger(chunking, method, config.n_layers, config.n_kv_heads),
        reference(task.reference),
        gives_last_hidden(task.gives_last_hidden),
        tokens(static_cast<std::size_t>(chunking.n_tokens - 1)) {
    if (reference.defined()) {
      reference_tokens.resize(tokens.size());
      distances.resize(tokens.size());
    }
    const auto options = at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value);
    const auto n = chunking.n_tokens, d = config.head_dim;
    q = at::empty({n, config.n_heads * d}, options);
    k = at::empty({config.n_kv_heads, n, d}, options);
    v = at::empty({config.n_kv_heads, n, d}, options);
    if (needs.layer.raw_q) raw_q = at::empty({n, config.n_heads * d}, options);
    deaths = at::empty({config.n_kv_heads, n}, options.dtype(at::kInt));
  }

  std::int64_t n_tokens() const { return chunking.n_tokens; }

  // By any thread, of the first failure; the unit's further tiles are left out.
  void fail(std::exception_ptr error) {
    const std::scoped_lock lock(mutex);
    if (!failure) failure = std::move(error);
    failed = true;
  }

  const Sample& sample;
  const MethodSpec& method;
  const Chunking chunking;
  const std::unique_ptr<LayerPress> press;
  const PressNeeds needs;
  const std::unique_ptr<DeathSchedule> schedule;
  at::Tensor x;       // [n_tokens, d_model], the residual stream
  at::Tensor q;       // [n_tokens, n_heads * d_head]; then the heads' outputs
  at::Tensor raw_q;   // the same before RoPE, if the schedule needs it
  at::Tensor k, v;    // [n_kv_heads, n_tokens, d_head]
  at::Tensor deaths;  // [n_kv_heads, n_tokens]: DeathTime, then the first query that does not see the key
  KeyLedger ledger;
  const at::Tensor reference;       // EngineTask::reference
  const bool gives_last_hidden;     // EngineTask::gives_last_hidden
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
