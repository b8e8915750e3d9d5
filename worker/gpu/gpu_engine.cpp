#include "worker/gpu/gpu_engine.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>

#include "common/errors.h"
#include "worker/devices/device_stream.h"
#include "worker/engine/batch_work.h"
#include "worker/engine/key_ledger.h"
#include "worker/gpu/attention_check.h"
#include "worker/gpu/gpu_operators.h"
#include "worker/gpu/gpu_schedule.h"
#include "worker/gpu/out_of_memory.h"
#include "worker/model/rope_frequencies.h"

namespace kvcompare {
namespace {

void wait_for(const c10::Stream& stream) {
  if (!stream.device().is_cpu()) stream.synchronize();
}

// out = x weight^T + bias
void linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, at::Tensor out) {
  if (bias.defined())
    at::addmm_out(out, bias, x, weight.t());
  else
    at::mm_out(out, x, weight.t());
}

// What a unit works in; kept for the next one, and made anew for a longer sample.
struct UnitBuffers {
  at::Tensor x, delta, hidden;  // [n_tokens, d_model]
  at::Tensor qkv;               // [n_tokens, (n_heads + 2 n_kv_heads) d_head]
  at::Tensor rotated;           // [n_tokens, n_heads + n_kv_heads, d_head]
  at::Tensor heads;             // [n_tokens, n_heads d_head]
  at::Tensor wide;              // [n_wide_elements]: gate and up of some rows, or logits of fewer
  at::Tensor gated;             // [n_rows, d_ff] elements
  at::Tensor deaths, until;     // [n_kv_heads * n_tokens], int32
  at::Tensor all_deaths;        // [n_layers * n_kv_heads * n_tokens], int32, in memory of the host
  at::Tensor ids;               // [n_tokens], int64
  at::Tensor nll;               // [n_tokens], float32
  at::Tensor nll_of_host;       // the same in memory of the host
};

UnitBuffers make_buffers(const ModelConfig& c, std::int64_t n, std::int64_t n_rows,
                         const at::TensorOptions& options) {
  const auto qkv = (c.n_heads + 2 * c.n_kv_heads) * c.head_dim;
  const auto whole = options.dtype(at::kInt);
  const bool pinned = !options.device().is_cpu();
  const auto of_host = at::TensorOptions().pinned_memory(pinned);
  UnitBuffers b;
  b.x = at::empty({n, c.hidden_size}, options);
  b.delta = at::empty_like(b.x);
  b.hidden = at::empty_like(b.x);
  b.qkv = at::empty({n, qkv}, options);
  b.rotated = at::empty({n, c.n_heads + c.n_kv_heads, c.head_dim}, options);
  b.heads = at::empty({n, c.n_heads * c.head_dim}, options);
  b.wide = at::empty({n_wide_elements(c, n_rows)}, options);
  b.gated = at::empty({n_rows * c.intermediate_size}, options);
  b.deaths = at::empty({c.n_kv_heads * n}, whole);
  b.until = at::empty({c.n_kv_heads * n}, whole);
  b.all_deaths = at::empty({c.n_layers * c.n_kv_heads * n}, of_host.dtype(at::kInt));
  b.ids = at::empty({n}, options.dtype(at::kLong));
  b.nll = at::empty({n}, options.dtype(at::kFloat));
  b.nll_of_host = at::empty({n}, of_host.dtype(at::kFloat));
  return b;
}

// Cosine and sine of every position so far asked for.
struct RotationTable {
  at::Tensor cos, sin;  // [n, d_head / 2], float32
};

// One sample under one method on its way through the model.
class GpuUnit {
 public:
  GpuUnit(const EngineTask& task, const GpuScheduleModel& model, MatrixInstruction instruction,
          std::int64_t chunk_size, std::int64_t n_rows, const UnitBuffers& buffers)
      : sample_(*task.sample),
        config_(model.config),
        instruction_(instruction),
        n_(std::ssize(sample_.ids)),
        n_rows_(std::min(n_rows, n_)),
        chunking_{n_, chunk_size},
        ledger_(chunking_, *task.method, config_.n_layers, config_.n_kv_heads),
        schedule_(make_gpu_schedule(*task.method, sample_, chunking_, model)),
        b_(buffers) {
    const auto ids = at::from_blob(const_cast<TokenId*>(sample_.ids.data()), {n_}, at::kLong);
    b_.ids.narrow(0, 0, n_).copy_(ids);
    if (!schedule_) {
      deaths().fill_(kNever);
      until().fill_(n_);
    }
  }

  void embed(const at::Tensor& embedding) {
    auto x = rows(b_.x, n_);
    at::index_select_out(x, embedding, 0, b_.ids.narrow(0, 0, n_));
  }

  // Behind it x lacks `delta`, which the next norm adds.
  void pass_layer(LayerIndex index, const FusedLayer& w, const RotationTable& rotation) {
    const auto x = rows(b_.x, n_), delta = rows(b_.delta, n_), hidden = rows(b_.hidden, n_),
               qkv = rows(b_.qkv, n_);
    const auto rotated = rows(b_.rotated, n_), heads = rows(b_.heads, n_);
    add_rms_norm(x, index.value == 0 ? at::Tensor() : delta, w.input_norm, config_.rms_norm_eps, hidden);
    linear(hidden, w.qkv, w.qkv_bias, qkv);
    rotate_heads(qkv, {w.q_norm, w.k_norm, config_.rms_norm_eps}, rotation.cos, rotation.sin, config_.n_heads,
                 rotated);
    if (schedule_) schedule_->make({index, hidden, qkv, rotated}, deaths(), until());
    const auto n_deaths = config_.n_kv_heads * n_;
    b_.all_deaths.narrow(0, index.value * n_deaths, n_deaths)
        .copy_(deaths().flatten(), /*non_blocking=*/true);
    attend_to_alive(rotated, qkv, until(), heads, instruction_);
    linear(heads, w.o, w.o_bias, delta);
    add_rms_norm(x, delta, w.post_attention_norm, config_.rms_norm_eps, hidden);
    for (std::int64_t row = 0; row < n_; row += n_rows_) {
      const auto n = std::min(n_rows_, n_ - row);
      const auto gate_up = front_of(b_.wide, {n, 2 * config_.intermediate_size});
      const auto gated = front_of(b_.gated, {n, config_.intermediate_size});
      linear(hidden.narrow(0, row, n), w.gate_up, w.gate_up_bias, gate_up);
      silu_multiply(gate_up, gated);
      linear(gated, w.down, w.down_bias, delta.narrow(0, row, n));
    }
  }

  void predict(const at::Tensor& final_norm, const at::Tensor& lm_head) {
    const auto hidden = rows(b_.hidden, n_);
    add_rms_norm(rows(b_.x, n_), rows(b_.delta, n_), final_norm, config_.rms_norm_eps, hidden);
    const auto n_rows = n_logit_rows(config_, n_rows_);
    for (std::int64_t row = 0; row < n_ - 1; row += n_rows) {
      const auto n = std::min(n_rows, n_ - 1 - row);
      const auto logits = front_of(b_.wide, {n, config_.vocab_size});
      linear(hidden.narrow(0, row, n), lm_head, {}, logits);
      nll_of_targets(logits, b_.ids.narrow(0, row + 1, n), b_.nll.narrow(0, row, n));
    }
    b_.nll_of_host.narrow(0, 0, n_ - 1).copy_(b_.nll.narrow(0, 0, n_ - 1), /*non_blocking=*/true);
  }

  // When all that was queued is done.
  UnitResult result(const DeathObserver& observe_deaths) {
    if (schedule_) schedule_->check();
    UnitResult result;
    result.unit.sample = sample_.index;
    result.n_tokens = n_;
    const auto* nll = b_.nll_of_host.const_data_ptr<float>();
    result.token_nll.assign(nll, nll + n_ - 1);
    for (const double token : result.token_nll) result.total_nll += token;
    const auto* death = b_.all_deaths.const_data_ptr<DeathTime>();
    for (std::int64_t l = 0; l < config_.n_layers; ++l)
      for (std::int64_t h = 0; h < config_.n_kv_heads; ++h, death += n_) {
        const std::span row(death, static_cast<std::size_t>(n_));
        ledger_.add_head(row);
        if (observe_deaths) observe_deaths(LayerIndex(l), h, row);
      }
    result.keys = ledger_.counts();
    return result;
  }

 private:
  static at::Tensor rows(const at::Tensor& buffer, std::int64_t n) { return buffer.narrow(0, 0, n); }
  at::Tensor deaths() const { return front_of(b_.deaths, {config_.n_kv_heads, n_}); }
  at::Tensor until() const { return front_of(b_.until, {config_.n_kv_heads, n_}); }

  const Sample& sample_;
  const ModelConfig& config_;
  const MatrixInstruction instruction_;
  const std::int64_t n_;
  const std::int64_t n_rows_;
  const Chunking chunking_;
  KeyLedger ledger_;
  std::unique_ptr<GpuSchedule> schedule_;
  const UnitBuffers& b_;
};

// A place for a unit: its stream and its buffers.
struct Slot {
  explicit Slot(const at::Device& device) : stream(new_stream(device)) {}

  c10::Stream stream;
  UnitBuffers buffers;
};

// The host queues all layers long before the device has passed them. This follows the device.
class LayersUnderWay {
 public:
  LayersUnderWay(std::span<const EngineTask> tasks, const ModelConfig& config, BatchWork& work)
      : work_(work) {
    for (const auto& task : tasks) of_layer_ += layer_operations(config, 0, std::ssize(task.sample->ids));
  }

  // One more layer, the last of it on this stream.
  void queued(const c10::Stream& stream) {
    ends_.emplace_back(stream.device()).record(stream);
    while (!ends_.empty() && ends_.front().is_past()) pass();
  }

  void wait() {
    while (!ends_.empty()) {
      ends_.front().wait();
      pass();
    }
  }

 private:
  void pass() {
    ends_.pop_front();
    work_.done(of_layer_);
  }

  BatchWork& work_;
  double of_layer_ = 0;
  std::deque<StreamEvent> ends_;  // of layers that are not passed
};

class GpuEngine : public Engine {
 public:
  GpuEngine(GpuWeights& weights, const ScorerResources& resources, GpuEngineOptions options)
      : weights_(weights),
        config_(weights.config()),
        options_(std::move(options)),
        model_{.config = config_,
               .resources = resources,
               .rope = Rope(inverse_frequencies(config_.rope, config_.head_dim)),
               .options = weights.options(),
               .feature_products = options_.feature_products.value_or(
                   weights.options().dtype() == at::kFloat ? FloatProducts::kExact : FloatProducts::kTf32)} {
    const c10::InferenceMode no_autograd;
    if (!weights.device().is_cpu()) instruction_ = right_instruction(config_, weights.options());
    instruction_name_ = name_of_instruction(config_, weights.options(), instruction_);
  }

  std::string instruction_set() const override { return instruction_name_; }

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    const c10::InferenceMode no_autograd;
    BatchWork work(work_observer(), all_operations(config_, tasks));
    std::vector<EngineOutcome> outcomes;
    while (outcomes.size() < tasks.size()) {
      const auto rest = tasks.subspan(outcomes.size());
      const auto n =
          options_.plan ? options_.plan->n_together(rest) : std::min(rest.size(), options_.n_units);
      for (auto& outcome : run_wave(rest.first(n), options_.n_rows, work))
        outcomes.push_back(std::move(outcome));
    }
    if (!options_.plan) return outcomes;
    const AloneRun alone{
        .run = [&](std::size_t i, std::int64_t n_rows) { return run_alone(tasks[i], n_rows, work); },
        .sizes =
            [&](std::size_t i, std::int64_t n_rows) {
              return options_.plan->sizes_of_unit(*tasks[i].method, std::ssize(tasks[i].sample->ids), n_rows);
            }};
    return answer_out_of_memory(std::move(outcomes), {options_.n_rows, kLeastGpuBlockRows}, alone);
  }

  std::int64_t n_tokens_at_once() const override {
    return options_.plan ? options_.plan->n_tokens_at_once(options_.methods) : 0;
  }

 private:
  struct Place {
    Slot* slot = nullptr;
    std::unique_ptr<GpuUnit> unit;  // null once it has failed
    EngineOutcome outcome;
  };

  UnitResult run_alone(const EngineTask& task, std::int64_t n_rows, BatchWork& work) {
    for (auto& slot : slots_) slot.buffers = {};
    auto outcome = std::move(run_wave({&task, 1}, n_rows, work).front());
    if (const auto* error = std::get_if<std::exception_ptr>(&outcome)) std::rethrow_exception(*error);
    return std::get<UnitResult>(std::move(outcome));
  }

  std::vector<EngineOutcome> run_wave(std::span<const EngineTask> tasks, std::int64_t n_rows,
                                      BatchWork& work) {
    const auto start = std::chrono::steady_clock::now();
    while (slots_.size() < tasks.size()) slots_.emplace_back(weights_.device());
    std::vector<Place> places(tasks.size());
    for (std::size_t u = 0; u < tasks.size(); ++u) {
      places[u].slot = &slots_[u];
      on_stream(places[u], [&] { places[u].unit = begin(tasks[u], slots_[u], n_rows); });
    }
    std::vector<c10::Stream> streams;
    for (const auto& place : places) streams.push_back(place.slot->stream);
    LayersUnderWay under_way(tasks, config_, work);
    for (std::int64_t l = 0; l < config_.n_layers; ++l) {
      const auto& layer = weights_.layer(l, streams);
      for_each(places, [&](GpuUnit& unit) { unit.pass_layer(LayerIndex(l), layer, rotation_); });
      weights_.done_with(l, streams);
      under_way.queued(streams.back());
    }
    for_each(places, [&](GpuUnit& unit) { unit.predict(weights_.final_norm(), weights_.lm_head()); });
    under_way.wait();
    for (auto& place : places) finish(place);

    std::int64_t n_tokens = 0;
    for (const auto& task : tasks) n_tokens += std::ssize(task.sample->ids);
    work.done(head_operations(config_, n_tokens));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::vector<EngineOutcome> outcomes;
    for (auto& place : places) {
      if (auto* result = std::get_if<UnitResult>(&place.outcome))
        result->seconds = seconds * static_cast<double>(result->n_tokens) / static_cast<double>(n_tokens);
      outcomes.push_back(std::move(place.outcome));
    }
    return outcomes;
  }

  std::unique_ptr<GpuUnit> begin(const EngineTask& task, Slot& slot, std::int64_t n_rows) {
    const auto n_tokens = std::ssize(task.sample->ids);
    require(n_tokens >= 2, "a sample of less than two tokens has nothing to predict");
    const auto n_block_rows = std::min(n_rows, n_tokens);
    const auto& have = slot.buffers;
    if (!have.x.defined() || have.x.size(0) < n_tokens ||
        have.gated.size(0) < n_block_rows * config_.intermediate_size) {
      slot.buffers = {};  // gives their memory back first
      slot.buffers = make_buffers(config_, n_tokens, n_block_rows, weights_.options());
    }
    make_rotations(n_tokens);
    auto unit =
        std::make_unique<GpuUnit>(task, model_, instruction_, options_.chunk_size, n_rows, slot.buffers);
    unit->embed(weights_.embedding());
    return unit;
  }

  // Made on the stream of the unit that asks first; the others do not wait for it, so the host does.
  void make_rotations(std::int64_t n_tokens) {
    if (rotation_.cos.defined() && rotation_.cos.size(0) >= n_tokens) return;
    const auto rotation = model_.rope.at(0, n_tokens);
    const auto on_device = [&](const at::Tensor& x) { return x.to(at::kFloat).to(weights_.device()); };
    rotation_ = {on_device(rotation.cos), on_device(rotation.sin)};
  }

  // What it throws is the outcome of this unit alone.
  template <class Work>
  void on_stream(Place& place, const Work& work) {
    const c10::StreamGuard guard(place.slot->stream);
    try {
      work();
    } catch (...) {
      place.unit = nullptr;
      place.outcome = std::current_exception();
    }
  }

  template <class Work>
  void for_each(std::vector<Place>& places, const Work& work) {
    for (auto& place : places)
      if (place.unit) on_stream(place, [&] { work(*place.unit); });
  }

  void finish(Place& place) {
    wait_for(place.slot->stream);  // even a unit that has failed may have work under way in its buffers
    if (place.unit) on_stream(place, [&] { place.outcome = place.unit->result(options_.observe_deaths); });
  }

  GpuWeights& weights_;
  const ModelConfig& config_;
  const GpuEngineOptions options_;
  const GpuScheduleModel model_;
  MatrixInstruction instruction_ = MatrixInstruction::kBest;
  std::string instruction_name_;
  RotationTable rotation_;
  std::deque<Slot> slots_;
};

}  // namespace

std::unique_ptr<Engine> make_gpu_engine(GpuWeights& weights, const ScorerResources& resources,
                                        GpuEngineOptions options) {
  require(options.chunk_size >= 1 && options.n_units >= 1 && options.n_rows >= 1,
          "sizes of the GPU engine are at least 1");
  return std::make_unique<GpuEngine>(weights, resources, std::move(options));
}

}  // namespace kvcompare
