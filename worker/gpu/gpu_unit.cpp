#include "worker/gpu/gpu_unit.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <span>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mm.h>

#include "worker/model/logits.h"
#include "worker/model/routing.h"

namespace kvcompare {
namespace {

// out = x weight^T + bias
void linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, at::Tensor out) {
  if (bias.defined())
    at::addmm_out(out, bias, x, weight.t());
  else
    at::mm_out(out, x, weight.t());
}

// Rows of GpuUnitBuffers::scores.
enum Score : std::int64_t { kNll, kReferenceNll, kKl, kAcceptance };

// Which rows go to which expert.
struct RowsOfExperts {
  at::Tensor row_and_choice;        // [2, n_rows * n_chosen], int64, of one expert after the other
  std::vector<std::int64_t> first;  // [n_experts + 1]
};

//   experts : Routing::experts, on the CPU
RowsOfExperts rows_of_experts(const ExpertsShape& shape, const at::Tensor& experts) {
  const auto n_rows = experts.size(0);
  const auto chosen = experts.accessor<std::int64_t, 2>();
  RowsOfExperts places{at::empty({2, n_rows * shape.n_chosen}, at::kLong), {}};
  places.first.assign(static_cast<std::size_t>(shape.n + 1), 0);
  for (std::int64_t r = 0; r < n_rows; ++r)
    for (std::int64_t c = 0; c < shape.n_chosen; ++c)
      ++places.first[static_cast<std::size_t>(chosen[r][c] + 1)];
  std::partial_sum(places.first.begin(), places.first.end(), places.first.begin());
  auto next = places.first;
  auto place = places.row_and_choice.accessor<std::int64_t, 2>();
  for (std::int64_t r = 0; r < n_rows; ++r)
    for (std::int64_t c = 0; c < shape.n_chosen; ++c) {
      const auto at = next[static_cast<std::size_t>(chosen[r][c])]++;
      place[0][at] = r;
      place[1][at] = c;
    }
  return places;
}

at::Tensor rows(const at::Tensor& buffer, std::int64_t n) { return buffer.narrow(0, 0, n); }

}  // namespace

GpuUnit::GpuUnit(const EngineTask& task, const GpuScheduleModel& model, MatrixInstruction instruction,
                 const Chunking& chunking, std::int64_t n_rows, const GpuUnitBuffers& buffers)
    : task_(task),
      sample_(*task.sample),
      decoder_(model.decoder),
      norm_(model.decoder.norm),
      rotations_(model.rotations),
      heads_(heads_of(model.decoder)),
      instruction_(instruction),
      n_(std::ssize(sample_.ids)),
      n_rows_(std::min(n_rows, n_)),
      chunking_(chunking),
      ledger_(chunking_, *task.method, n_evicting_layers(decoder_), heads_.n_kv_heads,
              EvidenceLedger(sample_, chunking_)),
      schedule_(make_gpu_schedule(*task.method, sample_, chunking_, model)),
      b_(buffers) {
  const auto ids = at::from_blob(const_cast<TokenId*>(sample_.ids.data()), {n_}, at::kLong);
  b_.ids.narrow(0, 0, n_).copy_(ids);
  if (!schedule_) keep_all();
}

void GpuUnit::embed(const at::Tensor& embedding) {
  auto x = rows(b_.x, n_);
  at::index_select_out(x, embedding, 0, b_.ids.narrow(0, 0, n_));
  if (decoder_.embedding_multiplier != 1) x.mul_(embedding_multiplier_in(decoder_, x.scalar_type()));
  if (task_.reference.defined()) rows(b_.reference, n_ - 1).copy_(task_.reference);
}

void GpuUnit::pass_layer(LayerIndex index, const FusedLayer& w) {
  const auto& shape = decoder_.layer(index.value);
  const auto& rotation = rotations_.of(shape, n_);
  const auto x = rows(b_.x, n_), delta = rows(b_.delta, n_), qkv = rows(b_.qkv, n_);
  const auto rotated = rows(b_.rotated, n_), heads = rows(b_.heads, n_);
  const auto hidden =
      add_and_norm(index.value == 0 ? at::Tensor() : delta, {norm_, w.input_norm, w.input_norm_bias});
  linear(hidden, w.qkv, w.qkv_bias, qkv);
  norm_all_heads(shape, w, qkv);
  const bool norms_each = shape.qk_norm == QkNorm::kOfEachHead;
  rotate_heads(qkv, {norm_, norms_each ? w.q_norm : at::Tensor(), norms_each ? w.k_norm : at::Tensor()},
               rotation, heads_.n_heads, rotated);
  if (schedule_ && shape.evicts) schedule_->make({index, hidden, qkv, rotated, w.sinks}, deaths(), until());
  if (schedule_ && !shape.evicts) keep_all();
  const auto n_deaths = heads_.n_kv_heads * n_;
  b_.all_deaths.narrow(0, index.value * n_deaths, n_deaths).copy_(deaths().flatten(), /*non_blocking=*/true);
  attend_to_alive(rotated, qkv, until_in(shape), {shape.scale, shape.cap, w.sinks}, heads, instruction_);
  linear(heads, w.o, w.o_bias, delta);
  norm_in_place({norm_, w.attention_norm, w.attention_norm_bias}, delta);
  multiplier_ = shape.residual_multiplier;
  // Without a norm `hidden` stays what it is.
  const auto of_mlp = add_and_norm(delta, {norm_, w.mlp_input_norm, w.mlp_input_norm_bias});
  pass_mlp(shape.mlp, w, shape.is_parallel ? hidden : of_mlp);
  norm_in_place({norm_, w.mlp_norm, w.mlp_norm_bias}, delta);
}

// The host waits for the router's choice, block by block, because products need to know how many rows there
// are.
void GpuUnit::pass_experts(const MlpShape& mlp, const FusedLayer& w, const at::Tensor& hidden) const {
  const auto delta = rows(b_.delta, n_);
  const auto d_model = hidden.size(1);
  delta.zero_();
  for (std::int64_t row = 0; row < n_; row += n_rows_) {
    const auto n = std::min(n_rows_, n_ - row);
    const auto block = hidden.narrow(0, row, n), sum = delta.narrow(0, row, n);
    const auto logits = front_of(b_.router, {n, mlp.experts.n});
    linear(block, w.router, w.router_bias, logits);
    const auto routing = route(mlp.experts, logits);
    const auto places = rows_of_experts(mlp.experts, routing.experts.cpu());
    const auto places_here = places.row_and_choice.to(hidden.device());
    const auto bias_of = [&](const at::Tensor& biases, std::int64_t e, std::int64_t size) {
      return biases.defined() ? biases.narrow(0, e * size, size) : biases;
    };
    for (std::int64_t e = 0; e < mlp.experts.n; ++e) {
      const auto first = places.first[static_cast<std::size_t>(e)];
      const auto n_routed = places.first[static_cast<std::size_t>(e + 1)] - first;
      if (n_routed == 0) continue;
      const auto of_expert = places_here.narrow(1, first, n_routed);
      auto gathered = front_of(b_.expert_rows, {n_routed, d_model});
      at::index_select_out(gathered, block, 0, of_expert[0]);
      const auto gate_up = front_of(b_.wide, {n_routed, 2 * mlp.width});
      const auto gated = front_of(b_.gated, {n_routed, mlp.width});
      linear(gathered, w.gate_up.narrow(0, e * 2 * mlp.width, 2 * mlp.width),
             bias_of(w.gate_up_bias, e, 2 * mlp.width), gate_up);
      apply_gating(mlp, w.activation, gate_up, gated);
      linear(gated, w.down.narrow(0, e * d_model, d_model), bias_of(w.down_bias, e, d_model), gathered);
      const auto weight = routing.weights.index({of_expert[0], of_expert[1]}).unsqueeze(1);
      sum.index_add_(0, of_expert[0], gathered.mul_(weight));
    }
  }
}

void GpuUnit::pass_mlp(const MlpShape& mlp, const FusedLayer& w, const at::Tensor& hidden) const {
  if (mlp.has_experts()) return pass_experts(mlp, w, hidden);
  // The rows of the input that an MLP without a norm reads are those of x, which delta does not touch.
  const auto delta = rows(b_.delta, n_);
  for (std::int64_t row = 0; row < n_; row += n_rows_) {
    const auto n = std::min(n_rows_, n_ - row);
    const auto gate_up = front_of(b_.wide, {n, (mlp.is_gated ? 2 : 1) * mlp.width});
    const auto gated = front_of(b_.gated, {n, mlp.width});
    linear(hidden.narrow(0, row, n), w.gate_up, w.gate_up_bias, gate_up);
    apply_gating(mlp, w.activation, gate_up, gated);
    linear(gated, w.down, w.down_bias, delta.narrow(0, row, n));
  }
}

// Adds what the last sublayer gave to the residual stream. Returns the norm of the stream; the stream itself
// if there is no norm.
at::Tensor GpuUnit::add_and_norm(const at::Tensor& delta, const NormWeights& norm) const {
  const auto x = rows(b_.x, n_), hidden = rows(b_.hidden, n_);
  add_norm(x, delta, multiplier_, norm, hidden);
  return norm.weight.defined() ? hidden : x;
}

void GpuUnit::norm_in_place(const NormWeights& norm, const at::Tensor& x) const {
  add_norm(x, {}, 1, norm, x);
}

// Norms of queries and keys over all their heads.
void GpuUnit::norm_all_heads(const LayerShape& shape, const FusedLayer& w, const at::Tensor& qkv) const {
  if (shape.qk_norm != QkNorm::kOfAllHeads) return;
  const NormShape rms{.epsilon = norm_.epsilon, .offset = norm_.offset};
  norm_in_place({rms, w.q_norm}, qkv.narrow(1, 0, heads_.q_width()));
  norm_in_place({rms, w.k_norm}, qkv.narrow(1, heads_.q_width(), heads_.kv_width()));
}

void GpuUnit::predict(const GpuWeights& weights) {
  const auto hidden =
      add_and_norm(rows(b_.delta, n_), {norm_, weights.final_norm(), weights.final_norm_bias()});
  const auto& lm_head = weights.lm_head();
  const auto n_rows = n_logit_rows(decoder_, n_rows_);
  for (std::int64_t row = 0; row < n_ - 1; row += n_rows) {
    const auto n = std::min(n_rows, n_ - 1 - row);
    const auto both = front_of(b_.wide, {2, n, decoder_.vocab_size});
    const auto logits = both[0], of_reference = both[1];
    const auto targets = b_.ids.narrow(0, row + 1, n);
    const auto scores = b_.scores.narrow(1, row, n), top1 = b_.top1.narrow(1, row, n);
    linear(hidden.narrow(0, row, n), lm_head, {}, logits);
    finish_logits(decoder_.logits, logits);
    nll_of_targets(logits, targets, scores[kNll], top1[0]);
    if (!task_.reference.defined()) continue;
    linear(b_.reference.narrow(0, row, n), lm_head, {}, of_reference);
    finish_logits(decoder_.logits, of_reference);
    nll_of_targets(of_reference, targets, scores[kReferenceNll], top1[1]);
    compare_rows(logits, of_reference, scores[kKl], scores[kAcceptance]);
  }
  b_.scores_of_host.copy_(b_.scores, /*non_blocking=*/true);
  b_.top1_of_host.copy_(b_.top1, /*non_blocking=*/true);
}

TokenDistributions GpuUnit::tokens() const {
  const auto scores = [&](Score score) {
    const auto* first = b_.scores_of_host[score].const_data_ptr<float>();
    return std::vector<double>(first, first + n_ - 1);
  };
  const auto top1 = [&](std::int64_t which) {
    const auto* first = b_.top1_of_host[which].const_data_ptr<std::int32_t>();
    return std::vector<TokenId>(first, first + n_ - 1);
  };
  TokenDistributions tokens{.nll = scores(kNll), .top1 = top1(0)};
  if (!task_.reference.defined()) return tokens;
  tokens.kl = scores(kKl);
  tokens.acceptance = scores(kAcceptance);
  tokens.reference_nll = scores(kReferenceNll);
  tokens.reference_top1 = top1(1);
  return tokens;
}

EngineResult GpuUnit::result(const DeathObserver& observe_deaths) {
  if (schedule_) schedule_->check();
  const auto* death = b_.all_deaths.const_data_ptr<DeathTime>();
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l)
    for (std::int64_t h = 0; h < heads_.n_kv_heads; ++h, death += n_) {
      if (!decoder_.layer(l).evicts) continue;
      const std::span row(death, static_cast<std::size_t>(n_));
      ledger_.add_head(row);
      if (observe_deaths) observe_deaths(LayerIndex(l), h, row);
    }
  EngineResult result{.unit = result_of(sample_, tokens(), ledger_)};
  if (task_.gives_last_hidden)
    result.last_hidden = rows(b_.hidden, n_ - 1)
                             .to(at::kCPU, b_.hidden.scalar_type(), /*non_blocking=*/false,
                                 /*copy=*/true);
  return result;
}

void GpuUnit::keep_all() {
  deaths().fill_(kNever);
  until().fill_(n_);
}

at::Tensor GpuUnit::deaths() const { return front_of(b_.deaths, {heads_.n_kv_heads, n_}); }
at::Tensor GpuUnit::until() const { return front_of(b_.until, {heads_.n_kv_heads, n_}); }

at::Tensor GpuUnit::until_in(const LayerShape& layer) const {
  if (!layer.window || *layer.window >= n_) return until();
  auto out = front_of(b_.until_in_window, {heads_.n_kv_heads, n_});
  const auto leaves_window = at::arange(*layer.window, *layer.window + n_, out.options());
  at::minimum_out(out, until(), leaves_window);
  return out;
}

}  // namespace kvcompare
