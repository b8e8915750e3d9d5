#include "worker/cpu/unit_in_flight.h"

#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

namespace kvcompare {

template <class T>
UnitInFlight<T>::UnitInFlight(const EngineTask& task, UnitInFlight* of_reference_task, const Decoder& decoder,
                              const ScorerResources& resources, const Chunking& cut)
    : sample(*task.sample),
      method(*task.method),
      chunking(cut),
      press(make_press(method, resources)),
      needs(press->needs()),
      schedule(press->start_schedule({.chunking = chunking,
                                      .n_heads = heads_of(decoder).n_heads,
                                      .n_kv_heads = heads_of(decoder).n_kv_heads,
                                      .n_layers = n_evicting_layers(decoder)})),
      ledger(chunking, method, n_evicting_layers(decoder), heads_of(decoder).n_kv_heads,
             EvidenceLedger(sample, chunking)),
      baseline(of_reference_task),
      reference(task.reference),
      gives_last_hidden(task.gives_last_hidden),
      tokens(static_cast<std::size_t>(chunking.n_tokens - 1)) {
  if (task.is_compared()) {
    reference_tokens.resize(tokens.size());
    distances.resize(tokens.size());
  }
  const auto options = at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value);
  const auto& shape = heads_of(decoder);
  const auto n = chunking.n_tokens;
  q = at::empty({n, shape.q_width()}, options);
  k = at::empty({shape.n_kv_heads, n, shape.head_dim}, options);
  v = at::empty_like(k);
  if (needs.layer.raw_q) raw_q = at::empty_like(q);
  deaths = at::empty({shape.n_kv_heads, n}, options.dtype(at::kInt));
  until = at::empty_like(deaths);
  heads = at::empty_like(q);
}

template <class T>
void UnitInFlight<T>::fail(std::exception_ptr error) {
  const std::scoped_lock lock(mutex);
  if (!failure) failure = std::move(error);
  failed = true;
}

template struct UnitInFlight<float>;
template struct UnitInFlight<double>;

}  // namespace kvcompare
