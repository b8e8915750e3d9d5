#include "worker/stepwise/stepwise_engine.h"

#include <algorithm>
#include <span>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "worker/engine/batch_work.h"
#include "worker/engine/evidence_ledger.h"
#include "worker/engine/token_distributions.h"
#include "worker/stepwise/layer_cache.h"
#include "worker/stepwise/next_token_distributions.h"

namespace kvcompare {
namespace {

// One sample on its way through the model. Constructed, fed to the end, asked for the result.
class StepwiseRun {
 public:
  StepwiseRun(const Model& model, const EngineTask& task, const LayerPress& press,
              const StepwiseOptions& options)
      : model_(model),
        task_(task),
        sample_(*task.sample),
        method_(*task.method),
        chunking_(
            chunking_of(std::ssize(sample_.ids), sample_.n_context, options.chunk_size, options.protocol)),
        options_(options) {
    const auto& decoder = model.decoder();
    const auto& heads = heads_of(decoder);
    const UnitShape unit{.chunking = chunking_,
                         .n_heads = heads.n_heads,
                         .n_kv_heads = heads.n_kv_heads,
                         .n_layers = n_evicting_layers(decoder)};
    for (const auto& layer : decoder.layers) {
      if (layer.evicts)
        caches_.emplace_back(press, unit);
      else
        caches_.emplace_back(heads.n_kv_heads);
    }
    result_.unit.sample = sample_.index;
    result_.numbers.n_tokens = static_cast<std::int64_t>(sample_.ids.size());
    result_.kept.n_layers = unit.n_layers;
    result_.kept.n_kv_heads = heads.n_kv_heads;
    result_.span_evidence = no_keys_yet(sample_, spans_);
  }

  EngineResult to_the_end(BatchWork& work) && {
    const auto& decoder = model_.decoder();
    const auto layers = operations_of_layers(decoder);
    for (std::int64_t begin = 0; begin < chunking_.n_tokens;) {
      const auto end = chunking_.chunk_end(begin);
      pass_chunk(begin, end);
      work.done(layers.of(begin, end) + head_operations(decoder, end - begin));
      begin = end;
    }
    put_tokens(result_, sample_, std::move(tokens_));
    count_what_is_left();
    return {.unit = std::move(result_),
            .last_hidden = task_.gives_last_hidden ? at::cat(last_hidden_) : at::Tensor()};
  }

 private:
  void pass_chunk(std::int64_t begin, std::int64_t end) {
    count_peak(end - begin);
    auto x = model_.embed(ids(begin, end));
    for (std::size_t l = 0; l < caches_.size(); ++l) {
      const LayerIndex layer(static_cast<std::int64_t>(l));
      const auto view = model_.project(
          layer, {.sample = sample_.index, .first_position = begin, .n_sample_tokens = chunking_.n_tokens},
          x);
      auto& cache = caches_[l];
      if (cache.evicts()) {
        count_attended(cache, begin, end);
        count_evidence(cache, begin, end);
      }
      x = model_.finish_layer(layer, x, cache.attend(view));
      const auto e = chunking_.event_at(end);
      if (e && cache.evicts()) {
        cache.evict(chunking_.event(*e));
        report_alive(layer, end);
      }
    }
    predict(begin, std::min(end, result_.numbers.n_tokens - 1), x);
  }

  // The tokens after those at positions [begin, end).
  void predict(std::int64_t begin, std::int64_t end, const at::Tensor& x) {
    if (end <= begin) return;
    const auto last_hidden = model_.last_hidden(x.narrow(0, 0, end - begin));
    const auto reference =
        task_.reference.defined() ? task_.reference.narrow(0, begin, end - begin) : at::Tensor();
    append(tokens_, next_token_distributions(model_, last_hidden, ids(begin + 1, end + 1), reference));
    if (task_.gives_last_hidden) last_hidden_.push_back(last_hidden.cpu());
  }

  std::span<const TokenId> ids(std::int64_t begin, std::int64_t end) const {
    return std::span(sample_.ids)
        .subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  }

  bool is_scored(std::int64_t token) const {
    return n_scored_of({token, token + 1}, sample_.scored, result_.numbers.n_tokens) > 0;
  }

  // Most keys at once: before the event of the chunk that is about to enter.
  void count_peak(std::int64_t n_tokens) {
    auto n_cached = n_tokens * result_.kept.n_layers * result_.kept.n_kv_heads;
    for (const auto& cache : caches_)
      if (cache.evicts()) n_cached += cache.n_alive();
    result_.numbers.keys.peak = std::max(result_.numbers.keys.peak, n_cached);
  }

  // Query i of the chunk sees what is cached and the chunk up to itself.
  void count_attended(const LayerCache& cache, std::int64_t begin, std::int64_t end) {
    auto& keys = result_.numbers.keys;
    const auto n_heads = result_.kept.n_kv_heads;
    const auto n_withheld = n_heads * begin - cache.n_alive();  // from each query of the chunk
    for (std::int64_t i = begin; i < end; ++i) {
      keys.attendable += n_heads * (i + 1);
      keys.attended += n_heads * (i + 1) - n_withheld;
      if (is_scored(i + 1)) keys.withheld_from_scored += n_withheld;
    }
  }

  // Of the ranges whose first query is in the chunk: it sees what is cached and the chunk up to itself.
  void count_evidence(const LayerCache& cache, std::int64_t begin, std::int64_t end) {
    for (const auto& span : spans_) {
      if (span.first_query < begin || span.first_query >= end) continue;
      for (const auto& head : cache.heads()) {
        result_.span_evidence.keys[span.place] += span.n_tokens();
        for (const auto& range : span.evidence)
          result_.span_evidence.keys_kept[span.place] += n_cached(head, range) + n_of(range, begin, end);
      }
    }
  }

  static std::int64_t n_cached(const AliveKeys& head, const TokenRange& range) {
    if (!head.positions.defined()) return 0;
    return (head.positions.ge(range.begin) & head.positions.lt(range.end)).sum().item<std::int64_t>();
  }

  static std::int64_t n_of(const TokenRange& range, std::int64_t begin, std::int64_t end) {
    return std::max<std::int64_t>(0, std::min(range.end, end) - std::max(range.begin, begin));
  }

  void count_what_is_left() {
    const auto n_tokens = result_.numbers.n_tokens;
    auto& keys = result_.numbers.keys;
    auto& kept = result_.kept;
    const auto n_heads = kept.n_layers * kept.n_kv_heads;
    const auto first = sinks_of(method_);
    const auto last = n_tokens - window_of(method_);
    keys.original = n_tokens * n_heads;
    keys.compressible = std::max<std::int64_t>(0, last - first) * n_heads;
    for (const auto& cache : caches_) {
      if (!cache.evicts()) continue;
      for (const auto& head : cache.heads()) {
        const auto& positions = head.positions;
        keys.kept += positions.size(0);
        kept.per_head.push_back(positions.size(0));
        const auto bins =
            positions.mul(kPositionBins).floor_divide(n_tokens).bincount({}, kPositionBins).cpu();
        for (std::int64_t b = 0; b < kPositionBins; ++b)
          kept.by_position[static_cast<std::size_t>(b)] += bins[b].item<std::int64_t>();
        keys.compressible_kept += (positions.ge(first) & positions.lt(last)).sum().item<std::int64_t>();
      }
    }
  }

  void report_alive(LayerIndex layer, std::int64_t n) const {
    if (!options_.observe_alive) return;
    std::vector<at::Tensor> positions;
    for (const auto& head : caches_[static_cast<std::size_t>(layer.value)].heads())
      positions.push_back(head.positions);
    options_.observe_alive(layer, n, positions);
  }

  const Model& model_;
  const EngineTask& task_;
  const Sample& sample_;
  const MethodSpec& method_;
  const Chunking chunking_;
  const StepwiseOptions& options_;
  const std::vector<SpanWithEvidence> spans_ = spans_with_evidence(sample_);
  std::vector<LayerCache> caches_;  // one a layer
  TokenDistributions tokens_;
  std::vector<at::Tensor> last_hidden_;  // one a chunk
  UnitResult result_;
};

class StepwiseEngine : public Engine {
 public:
  StepwiseEngine(const Model& model, const ScorerResources& resources, StepwiseOptions options)
      : model_(model), resources_(resources), options_(std::move(options)) {}

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    const c10::InferenceMode no_autograd;
    BatchWork work(work_observer(), all_operations(model_.decoder(), tasks));
    return run_one_by_one(tasks, [&](const EngineTask& task) {
      require(task.sample->ids.size() >= 2, "a sample of less than two tokens has nothing to predict");
      const auto press = make_press(*task.method, resources_);
      return StepwiseRun(model_, task, *press, options_).to_the_end(work);
    });
  }

 private:
  const Model& model_;
  const ScorerResources resources_;
  const StepwiseOptions options_;
};

}  // namespace

std::unique_ptr<Engine> make_stepwise_engine(const Model& model, const ScorerResources& resources,
                                             StepwiseOptions options) {
  require(options.chunk_size >= 1, "chunk_size is at least 1");
  return std::make_unique<StepwiseEngine>(model, resources, std::move(options));
}

}  // namespace kvcompare
