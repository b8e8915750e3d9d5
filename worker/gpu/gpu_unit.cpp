#include "worker/gpu/gpu_unit.h"

#include <algorithm>
#include <iterator>
#include <span>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mm.h>

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

at::Tensor rows(const at::Tensor& buffer, std::int64_t n) { return buffer.narrow(0, 0, n); }

}  // namespace

GpuUnit::GpuUnit(const EngineTask& task, const GpuScheduleModel& model, MatrixInstruction instruction,
                 const Chunking& chunking, std::int64_t n_rows, const GpuUnitBuffers& buffers)
    : task_(task),
      sample_(*task.sample),
      decoder_(model.decoder),
      rotations_(model.rotations),
      heads_(heads_of(model.decoder)),
      instruction_(instruction),
      n_(std::ssize(sample_.ids)),
      n_rows_(std::min(n_rows, n_)),
      chunking_(chunking),
      ledger_(chunking_, *task.method, decoder_.n_layers(), heads_.n_kv_heads,
              EvidenceLedger(sample_, chunking_)),
      schedule_(make_gpu_schedule(*task.method, sample_, chunking_, model)),
      b_(buffers) {
  const auto ids = at::from_blob(const_cast<TokenId*>(sample_.ids.data()), {n_}, at::kLong);
  b_.ids.narrow(0, 0, n_).copy_(ids);
  if (!schedule_) {
    deaths().fill_(kNever);
    until().fill_(n_);
  }
}

void GpuUnit::embed(const at::Tensor& embedding) {
  auto x = rows(b_.x, n_);
  at::index_select_out(x, embedding, 0, b_.ids.narrow(0, 0, n_));
  if (task_.reference.defined()) rows(b_.reference, n_ - 1).copy_(task_.reference);
}

void GpuUnit::pass_layer(LayerIndex index, const FusedLayer& w) {
  const auto& shape = decoder_.layer(index.value);
  const auto& rotation = rotations_.of(shape);
  const auto x = rows(b_.x, n_), delta = rows(b_.delta, n_), hidden = rows(b_.hidden, n_),
             qkv = rows(b_.qkv, n_);
  const auto rotated = rows(b_.rotated, n_), heads = rows(b_.heads, n_);
  add_rms_norm(x, index.value == 0 ? at::Tensor() : delta, w.input_norm, decoder_.rms_norm_eps, hidden);
  linear(hidden, w.qkv, w.qkv_bias, qkv);
  rotate_heads(qkv, {w.q_norm, w.k_norm, decoder_.rms_norm_eps}, rotation.cos, rotation.sin, heads_.n_heads,
               rotated);
  if (schedule_) schedule_->make({index, hidden, qkv, rotated}, deaths(), until());
  const auto n_deaths = heads_.n_kv_heads * n_;
  b_.all_deaths.narrow(0, index.value * n_deaths, n_deaths).copy_(deaths().flatten(), /*non_blocking=*/true);
  attend_to_alive(rotated, qkv, until_in(shape), shape.scale, heads, instruction_);
  linear(heads, w.o, w.o_bias, delta);
  add_rms_norm(x, delta, w.post_attention_norm, decoder_.rms_norm_eps, hidden);
  for (std::int64_t row = 0; row < n_; row += n_rows_) {
    const auto n = std::min(n_rows_, n_ - row);
    const auto gate_up = front_of(b_.wide, {n, 2 * shape.mlp.width});
    const auto gated = front_of(b_.gated, {n, shape.mlp.width});
    linear(hidden.narrow(0, row, n), w.gate_up, w.gate_up_bias, gate_up);
    silu_multiply(gate_up, gated);
    linear(gated, w.down, w.down_bias, delta.narrow(0, row, n));
  }
}

void GpuUnit::predict(const at::Tensor& final_norm, const at::Tensor& lm_head) {
  const auto hidden = rows(b_.hidden, n_);
  add_rms_norm(rows(b_.x, n_), rows(b_.delta, n_), final_norm, decoder_.rms_norm_eps, hidden);
  const auto n_rows = n_logit_rows(decoder_, n_rows_);
  for (std::int64_t row = 0; row < n_ - 1; row += n_rows) {
    const auto n = std::min(n_rows, n_ - 1 - row);
    const auto both = front_of(b_.wide, {2, n, decoder_.vocab_size});
    const auto logits = both[0], of_reference = both[1];
    const auto targets = b_.ids.narrow(0, row + 1, n);
    const auto scores = b_.scores.narrow(1, row, n), top1 = b_.top1.narrow(1, row, n);
    linear(hidden.narrow(0, row, n), lm_head, {}, logits);
    nll_of_targets(logits, targets, scores[kNll], top1[0]);
    if (!task_.reference.defined()) continue;
    linear(b_.reference.narrow(0, row, n), lm_head, {}, of_reference);
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
