#include "worker/stepwise/layer_cache.h"

#include <cmath>
#include <limits>
#include <optional>
#include <variant>

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include "common/run/method_parameters.h"

namespace kvcompare {
namespace {

at::Tensor joined(const at::Tensor& old, const at::Tensor& fresh, std::int64_t dim) {
  return old.defined() ? at::cat({old, fresh}, dim) : fresh.contiguous();
}

}  // namespace

LayerCache::LayerCache(std::int64_t n_kv_heads, const Scorer& scorer, const Rope& rope)
    : scorer_(scorer), heads_(static_cast<std::size_t>(n_kv_heads)) {
  if (const auto* drifting = std::get_if<std::unique_ptr<DriftingScorer>>(&scorer))
    drifting_ = (*drifting)->start_layer(rope);
}

std::int64_t LayerCache::n_alive() const {
  std::int64_t n = 0;
  for (const auto& head : heads_) n += head.n_alive();
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
  const auto n_tokens = chunk.k.size(1);
  const auto positions =
      at::arange(chunk.first_position, chunk.first_position + n_tokens, chunk.k.options().dtype(at::kLong));
  const auto* fixed = std::get_if<std::unique_ptr<FixedScorer>>(&scorer_);
  const auto scores = fixed ? (*fixed)->score(what_is_needed(chunk, (*fixed)->needs())) : at::Tensor();
  const bool observing = std::holds_alternative<std::unique_ptr<ObservingScorer>>(scorer_);
  const auto group = chunk.q.size(0) / chunk.k.size(0);
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    auto& head = heads_[h];
    const auto index = static_cast<std::int64_t>(h);
    head.keys.positions = joined(head.keys.positions, positions, 0);
    head.keys.k = joined(head.keys.k, chunk.k.select(0, index), 0);
    head.keys.v = joined(head.keys.v, chunk.v.select(0, index), 0);
    if (fixed) head.scores = joined(head.scores, scores.select(0, index), 0);
    if (observing)
      head.received =
          joined(head.received, at::zeros({group, n_tokens}, chunk.k.options().dtype(at::kDouble)), 1);
  }
  if (drifting_) drifting_->append(what_is_needed(chunk, needs_of(scorer_)));
}

// Softmax in float32 at least. Returns [group, n_tokens, d_head].
at::Tensor LayerCache::attend_head(const LayerView& chunk, std::int64_t kv_head) {
  auto& head = heads_[static_cast<std::size_t>(kv_head)];
  const auto group = chunk.q.size(0) / chunk.k.size(0);
  const auto n_tokens = chunk.q.size(1);
  const auto q = chunk.q.narrow(0, kv_head * group, group);
  const auto scale = 1 / std::sqrt(static_cast<double>(q.size(2)));
  auto logits = q.matmul(head.keys.k.t()) * scale;  // [group, n_tokens, n_alive]
  logits = logits.to(at::toOpMathType(logits.scalar_type()));
  const auto own = head.keys.positions.narrow(0, head.n_alive() - n_tokens, n_tokens);
  logits = logits.masked_fill(head.keys.positions.unsqueeze(0).gt(own.unsqueeze(1)),
                              -std::numeric_limits<double>::infinity());
  const auto weights = logits.softmax(-1);
  if (head.received.defined()) head.received = head.received + weights.sum(1, /*keepdim=*/false, at::kDouble);
  return weights.to(q.scalar_type()).matmul(head.keys.v);
}

void LayerCache::evict(const MethodSpec& method, const Event& event) {
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    auto& head = heads_[h];
    if (!may_evict(method.policy, sinks_of(method), event, head.n_alive())) continue;
    const auto scores = score(static_cast<std::int64_t>(h), event.n);
    keep(head, survivors(method.policy, sinks_of(method), event, head.keys.positions, scores));
  }
}

at::Tensor LayerCache::score(std::int64_t kv_head, std::int64_t n) const {
  const auto& head = heads_[static_cast<std::size_t>(kv_head)];
  if (head.scores.defined()) return head.scores;
  if (drifting_) return drifting_->score(n, kv_head, what_is_needed(head.keys, needs_of(scorer_)));
  return std::get<std::unique_ptr<ObservingScorer>>(scorer_)->score(n, head.keys.positions, head.received);
}

void LayerCache::keep(HeadCache& head, const at::Tensor& survivors) {
  if (survivors.size(0) == head.n_alive()) return;
  head.keys.positions = head.keys.positions.index_select(0, survivors);
  head.keys.k = head.keys.k.index_select(0, survivors);
  head.keys.v = head.keys.v.index_select(0, survivors);
  if (head.scores.defined()) head.scores = head.scores.index_select(0, survivors);
  if (head.received.defined()) head.received = head.received.index_select(1, survivors);
}

}  // namespace kvcompare
