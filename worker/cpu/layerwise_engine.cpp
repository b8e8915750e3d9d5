#include "worker/cpu/layerwise_engine.h"

#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include "common/errors.h"
#include "presses/policy/layer_press.h"
#include "worker/cpu/interval_attention.h"
#include "worker/cpu/simd_target.h"
#include "worker/engine/batch_work.h"
#include "worker/engine/key_ledger.h"
#include "worker/model/cross_entropy.h"

namespace kvcompare {
namespace {

class LayerwiseEngine : public Engine {
 public:
  LayerwiseEngine(const Model& model, const ScorerResources& resources, LayerwiseOptions options)
      : model_(model), resources_(resources), options_(std::move(options)) {}

  // Of the schedules.
  std::string instruction_set() const override { return simd_target(); }

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    const c10::InferenceMode no_autograd;
    BatchWork work(work_observer(), all_operations(model_.config(), tasks));
    return run_one_by_one(tasks,
                          [&](const EngineTask& task) { return run_one(*task.sample, *task.method, work); });
  }

 private:
  UnitResult run_one(const Sample& sample, const MethodSpec& method, BatchWork& work) const {
    require(sample.ids.size() >= 2, "a sample of less than two tokens has nothing to predict");
    const auto& config = model_.config();
    const Chunking chunking{std::ssize(sample.ids), options_.chunk_size};
    const auto press = make_press(method, resources_);
    const auto schedule = press->start_schedule({.chunking = chunking,
                                                 .n_heads = config.n_heads,
                                                 .n_kv_heads = config.n_kv_heads,
                                                 .rope = model_.rope()});
    KeyLedger ledger(chunking, method, config.n_layers, config.n_kv_heads);
    auto x = model_.embed(sample.ids);
    for (std::int64_t l = 0; l < config.n_layers; ++l) {
      const auto view = model_.project(LayerIndex(l), sample.index, 0, x);
      const auto until = until_of(view, *schedule, press->needs(), chunking, ledger).to(x.device());
      x = model_.finish_layer(LayerIndex(l), x, interval_attention(view.q, view.k, view.v, until));
      work.done(layer_operations(config, 0, chunking.n_tokens));
    }
    UnitResult result;
    result.unit.sample = sample.index;
    result.n_tokens = chunking.n_tokens;
    result.token_nll = cross_entropy(model_, x, std::span(sample.ids).subspan(1));
    work.done(head_operations(config, chunking.n_tokens));
    for (const double nll : result.token_nll) result.total_nll += nll;
    result.keys = ledger.counts();
    return result;
  }

  // First query that does not see a key: [n_kv_heads, n_tokens], int32.
  at::Tensor until_of(const LayerView& view, DeathSchedule& schedule, const PressNeeds& needs,
                      const Chunking& chunking, KeyLedger& ledger) const {
    const auto n_kv_heads = view.n_kv_heads;
    auto until = at::empty({n_kv_heads, chunking.n_tokens}, at::kInt);
    const LayerDeathTimes deaths{until.mutable_data_ptr<std::int32_t>(), n_kv_heads, chunking.n_tokens};
    decide_layer(schedule, needs, view, deaths);
    for (std::int64_t h = 0; h < n_kv_heads; ++h) {
      const auto row = deaths.of_head(h);
      ledger.add_head(row);
      if (options_.observe_deaths) options_.observe_deaths(view.layer, h, row);
      for (auto& death : row) death = static_cast<std::int32_t>(chunking.sees_until(death));
    }
    return until;
  }

  const Model& model_;
  const ScorerResources resources_;
  const LayerwiseOptions options_;
};

}  // namespace

std::unique_ptr<Engine> make_layerwise_engine(const Model& model, const ScorerResources& resources,
                                              LayerwiseOptions options) {
  require(options.chunk_size >= 1, "chunk_size is at least 1");
  return std::make_unique<LayerwiseEngine>(model, resources, std::move(options));
}

}  // namespace kvcompare
