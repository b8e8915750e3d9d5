#include "worker/gpu/gpu_engine.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>

#include "common/errors.h"
#include "worker/devices/device_stream.h"
#include "worker/engine/batch_work.h"
#include "worker/gpu/attention_check.h"
#include "worker/gpu/gpu_unit.h"
#include "worker/gpu/layers_under_way.h"
#include "worker/gpu/out_of_memory.h"
#include "worker/model/rotation_tables.h"

namespace kvcompare {
namespace {

void wait_for(const c10::Stream& stream) {
  if (!stream.device().is_cpu()) stream.synchronize();
}

// A place for a unit: its stream and its buffers.
struct Slot {
  explicit Slot(const at::Device& device) : stream(new_stream(device)) {}

  c10::Stream stream;
  GpuUnitBuffers buffers;
};

class GpuEngine : public Engine {
 public:
  GpuEngine(GpuWeights& weights, const ScorerResources& resources, GpuEngineOptions options)
      : weights_(weights),
        decoder_(weights.decoder()),
        options_(std::move(options)),
        model_{.decoder = decoder_,
               .resources = resources,
               .rotations = RotationTables(decoder_, at::kFloat, weights.device()),
               .options = weights.options(),
               .feature_products = options_.feature_products.value_or(
                   weights.options().dtype() == at::kFloat ? FloatProducts::kExact : FloatProducts::kTf32)} {
    const c10::InferenceMode no_autograd;
    if (!weights.device().is_cpu())
      instruction_ = right_instruction(decoder_.layers.front(), weights.options());
    instruction_name_ = name_of_instruction(heads_of(decoder_), weights.options(), instruction_);
  }

  std::string instruction_set() const override { return instruction_name_; }

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    const c10::InferenceMode no_autograd;
    BatchWork work(work_observer(), all_operations(decoder_, tasks));
    return run_references_first(tasks, [&](auto some) { return run_in_waves(some, work); });
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

  std::vector<EngineOutcome> run_in_waves(std::span<const EngineTask> tasks, BatchWork& work) {
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

  EngineResult run_alone(const EngineTask& task, std::int64_t n_rows, BatchWork& work) {
    for (auto& slot : slots_) slot.buffers = {};
    auto outcome = std::move(run_wave({&task, 1}, n_rows, work).front());
    if (const auto* error = std::get_if<std::exception_ptr>(&outcome)) std::rethrow_exception(*error);
    return std::get<EngineResult>(std::move(outcome));
  }

  std::vector<EngineOutcome> run_wave(std::span<const EngineTask> tasks, std::int64_t n_rows,
                                      BatchWork& work) {
    const auto start = std::chrono::steady_clock::now();
    model_.rotations.forget_lengths();  // no unit is under way
    while (slots_.size() < tasks.size()) slots_.emplace_back(weights_.device());
    std::vector<Place> places(tasks.size());
    for (std::size_t u = 0; u < tasks.size(); ++u) {
      places[u].slot = &slots_[u];
      on_stream(places[u], [&] { places[u].unit = begin(tasks[u], slots_[u], n_rows); });
    }
    std::vector<c10::Stream> streams;
    for (const auto& place : places) streams.push_back(place.slot->stream);
    LayersUnderWay under_way(tasks, decoder_, work);
    for (std::int64_t l = 0; l < decoder_.n_layers(); ++l) {
      const auto& layer = weights_.layer(l, streams);
      for_each(places, [&](GpuUnit& unit) { unit.pass_layer(LayerIndex(l), layer); });
      weights_.done_with(l, streams);
      under_way.queued(streams.back());
    }
    for_each(places, [&](GpuUnit& unit) { unit.predict(weights_); });
    under_way.wait();
    for (auto& place : places) finish(place);

    std::int64_t n_tokens = 0;
    for (const auto& task : tasks) n_tokens += std::ssize(task.sample->ids);
    work.done(head_operations(decoder_, n_tokens));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::vector<EngineOutcome> outcomes;
    for (auto& place : places) {
      if (auto* result = std::get_if<EngineResult>(&place.outcome))
        result->unit.seconds =
            seconds * static_cast<double>(result->unit.numbers.n_tokens) / static_cast<double>(n_tokens);
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
        have.gated.size(0) < n_block_rows * widest_mlp(decoder_)) {
      slot.buffers = {};  // gives their memory back first
      slot.buffers = make_gpu_unit_buffers(
          decoder_,
          {.n_tokens = n_tokens, .n_rows = n_block_rows, .type = weights_.options().dtype().toScalarType()},
          weights_.device());
    }
    // On the stream of the unit that asks first; the others do not wait for it, so the host does.
    model_.rotations.reach(n_tokens);
    const auto chunking =
        chunking_of(n_tokens, task.sample->n_context, options_.chunk_size, options_.protocol);
    auto unit = std::make_unique<GpuUnit>(task, model_, instruction_, chunking, n_rows, slot.buffers);
    unit->embed(weights_.embedding());
    return unit;
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
  const Decoder& decoder_;
  const GpuEngineOptions options_;
  GpuScheduleModel model_;
  MatrixInstruction instruction_ = MatrixInstruction::kBest;
  std::string instruction_name_;
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
