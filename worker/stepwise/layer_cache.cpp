#include "worker/stepwise/layer_cache.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>

#include "common/errors.h"
#include "worker/model/attention_weights.h"
#include "worker/model/unseen_keys.h"

namespace kvcompare {
namespace {

at::Tensor joined(const at::Tensor& old, const at::Tensor& fresh) {
  return old.defined() ? at::cat({old, fresh}, 0) : fresh.contiguous();
}

std::int64_t n_alive_of(const AliveKeys& keys) {
  return keys.positions.defined() ? keys.positions.size(0) : 0;
}

}  // namespace

LayerCache::LayerCache(std::int64_t n_kv_heads) : heads_(static_cast<std::size_t>(n_kv_heads)) {}

LayerCache::LayerCache(const LayerPress& press, const UnitShape& unit)
    : needs_(press.needs().chunk),
      eviction_(press.start_eviction(unit)),
      heads_(static_cast<std::size_t>(unit.n_kv_heads)) {}

std::int64_t LayerCache::n_alive() const {
  std::int64_t n = 0;
  for (const auto& head : heads_) n += n_alive_of(head);
  return n;
}

at::Tensor LayerCache::attend(const LayerView& chunk) {
  append(chunk);
  std::vector<at::Tensor> outputs;
  for (std::size_t h = 0; h < heads_.size(); ++h)
    outputs.push_back(attend_head(chunk, static_cast<std::int64_t>(h)));
  return at::cat(outputs, 0);
}

void LayerCache::append(const LayerView& chunk) {
  const auto positions = at::arange(chunk.first_position, chunk.first_position + chunk.k.size(1),
                                    chunk.k.options().dtype(at::kLong));
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    auto& keys = heads_[h];
    const auto index = static_cast<std::int64_t>(h);
    keys.positions = joined(keys.positions, positions);
    keys.k = joined(keys.k, chunk.k.select(0, index));
    keys.v = joined(keys.v, chunk.v.select(0, index));
  }
  if (evicts()) eviction_->append(what_is_needed(chunk, needs_));
}

// Returns [group, n_tokens, d_head].
at::Tensor LayerCache::attend_head(const LayerView& chunk, std::int64_t kv_head) {
  const auto& keys = heads_[static_cast<std::size_t>(kv_head)];
  const auto group = chunk.q.size(0) / chunk.k.size(0);
  const auto n_tokens = chunk.q.size(1);
  const auto q = chunk.q.narrow(0, kv_head * group, group);
  const auto own = keys.positions.narrow(0, n_alive_of(keys) - n_tokens, n_tokens);
  const auto weights =  // [group, n_tokens, n_alive]
      attention_weights(q.matmul(keys.k.t()), unseen_keys(own, keys.positions, chunk.rule.window),
                        chunk.rule.of_heads(kv_head * group, group));
  if (needs_.attention) eviction_->observe(kv_head, weights);
  return weights.to(q.scalar_type()).matmul(keys.v);
}

void LayerCache::evict(const Event& event) {
  require(evicts(), "only caches that evict have events");
  std::vector<AliveKeys> shown;
  for (const auto& keys : heads_) shown.push_back(what_is_needed(keys, needs_));
  const auto survivors = eviction_->evict(event, shown);
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    auto& keys = heads_[h];
    if (!survivors[h].defined() || survivors[h].size(0) == n_alive_of(keys)) continue;
    keys.positions = keys.positions.index_select(0, survivors[h]);
    keys.k = keys.k.index_select(0, survivors[h]);
    keys.v = keys.v.index_select(0, survivors[h]);
  }
}

}  // namespace kvcompare
