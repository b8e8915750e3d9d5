#include "worker/gpu_schedule.h"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/zeros.h>

#include "common/errors.h"
#include "presses/eviction_slots.h"
#include "presses/scorer.h"
#include "worker/gpu_operators.h"
#include "worker/kernels/fixed_schedule_kernel.h"
#include "worker/layer_schedule.h"

namespace kvcompare {
namespace {

at::Tensor on_device(const std::vector<std::int32_t>& values, const at::Device& device) {
  return at::from_blob(const_cast<std::int32_t*>(values.data()), {std::ssize(values)}, at::kInt)
      .to(device, false, true);
}

// What the schedules of all kinds have.
class Schedule : public GpuSchedule {
 public:
  Schedule(const MethodSpec& method, const Chunking& chunking, const ModelConfig& config,
           const at::TensorOptions& options)
      : method_(method),
        chunking_(chunking),
        config_(config),
        options_(options),
        status_(at::zeros({1}, options.dtype(at::kInt))) {}

  void check() const override {
    if (status_.item<int>() != 0) throw std::domain_error("a score is NaN");
  }

 protected:
  LayerDeaths layer_deaths(const at::Tensor& deaths, const at::Tensor& until) const {
    return {.deaths = deaths.mutable_data_ptr<std::int32_t>(),
            .until = until.mutable_data_ptr<std::int32_t>(),
            .n_kv_heads = deaths.size(0),
            .n_tokens = chunking_.n_tokens,
            .chunk_size = chunking_.chunk_size};
  }
  gpu::Stream stream() const { return current_stream(options_.device()); }
  int* status() const { return status_.mutable_data_ptr<int>(); }

  const MethodSpec method_;
  const Chunking chunking_;
  const ModelConfig& config_;
  const at::TensorOptions options_;

 private:
  const at::Tensor status_;
};

// Death times from scores that are there.
class FixedPolicy : public Schedule {
 public:
  FixedPolicy(const MethodSpec& method, const Chunking& chunking, const ModelConfig& config,
              const at::TensorOptions& options)
      : Schedule(method, chunking, config, options) {
    const auto* ratio = std::get_if<RatioBudget>(&method.policy);
    if (!ratio) return;
    const auto slots = eviction_slots(*ratio, method.parameters.n_sink, chunking);
    slots_ = on_device(slots.events, options.device());
    first_slot_ = on_device(slots.first, options.device());
  }

 protected:
  // scores: [n_heads, n_tokens], float64, contiguous; deaths, until: likewise of n_heads
  void judge(const at::Tensor& scores, const at::Tensor& deaths, const at::Tensor& until) {
    if (const auto* threshold = std::get_if<ScoreThreshold>(&method_.policy)) {
      fixed_schedule_kernel(ThresholdSchedule{.layer = layer_deaths(deaths, until),
                                              .scores = scores.const_data_ptr<double>(),
                                              .threshold = threshold->threshold,
                                              .sliding_window_size = threshold->sliding_window_size,
                                              .n_sink = method_.parameters.n_sink,
                                              .status = status()},
                            stream());
      return;
    }
    require(slots_.defined(), "a method with scores evicts by a budget or a threshold");
    const auto order = std::get<1>(at::sort(scores, /*stable=*/true, /*dim=*/1, /*descending=*/true));
    RatioSchedule task{.layer = layer_deaths(deaths, until),
                       .scores = scores.const_data_ptr<double>(),
                       .order = order.const_data_ptr<std::int64_t>(),
                       .slots = slots_.const_data_ptr<std::int32_t>(),
                       .first_slot = first_slot_.const_data_ptr<std::int32_t>(),
                       .n_slots = slots_.size(0),
                       .n_sink = method_.parameters.n_sink,
                       .workspace = nullptr,
                       .status = status()};
    const auto n_bytes = static_cast<std::int64_t>(ratio_workspace_bytes(task));
    const auto workspace = at::empty({n_bytes}, options_.dtype(at::kByte));
    task.workspace = workspace.mutable_data_ptr();
    fixed_schedule_kernel(task, stream());
  }

 private:
  at::Tensor slots_, first_slot_;  // of a ratio budget
};

// Scores that the layer's tokens decide.
class TokenSchedule : public FixedPolicy {
 public:
  TokenSchedule(std::unique_ptr<FixedScorer> scorer, SampleIndex sample, const MethodSpec& method,
                const Chunking& chunking, const ModelConfig& config, const at::TensorOptions& options)
      : FixedPolicy(method, chunking, config, options), scorer_(std::move(scorer)), sample_(sample) {}

  void make(const GpuLayerView& layer, const at::Tensor& deaths, const at::Tensor& until) override {
    const auto n_heads = config_.n_heads, n_kv_heads = config_.n_kv_heads;
    const auto heads = layer.qkv.unflatten(1, {-1, config_.head_dim}).transpose(0, 1);
    const auto rotated = layer.rotated.transpose(0, 1);
    const LayerView view{.hidden = layer.hidden,
                         .raw_q = heads.narrow(0, 0, n_heads),
                         .raw_k = heads.narrow(0, n_heads, n_kv_heads),
                         .q = rotated.narrow(0, 0, n_heads),
                         .k = rotated.narrow(0, n_heads, n_kv_heads),
                         .v = heads.narrow(0, n_heads + n_kv_heads, n_kv_heads),
                         .layer = layer.layer,
                         .sample = sample_,
                         .first_position = 0};
    judge(scorer_->score(view).contiguous(), deaths, until);
  }

 private:
  const std::unique_ptr<FixedScorer> scorer_;
  const SampleIndex sample_;
};

// Scores that are known before there is a token: the death times of all layers are found at once, before the
// first, while the heads of one layer alone would leave most of the device idle.
class AheadSchedule : public FixedPolicy {
 public:
  AheadSchedule(SampleIndex sample, const MethodSpec& method, const Chunking& chunking,
                const ModelConfig& config, const at::TensorOptions& options)
      : FixedPolicy(method, chunking, config, options) {
    const auto n_heads = config.n_layers * config.n_kv_heads, n_tokens = chunking.n_tokens;
    deaths_ = at::empty({n_heads, n_tokens}, options.dtype(at::kInt));
    until_ = at::empty({n_heads, n_tokens}, options.dtype(at::kInt));
    at::Tensor scores;
    if (method.name == "random") {
      scores = at::empty({n_heads, n_tokens}, options.dtype(at::kDouble));
      // Heads are counted through all layers, as if they were of one.
      random_scores_kernel({.scores = scores.mutable_data_ptr<double>(),
                            .n_kv_heads = n_heads,
                            .n_tokens = n_tokens,
                            .seed = method.parameters.seed,
                            .sample = static_cast<std::uint64_t>(sample.value),
                            .layer = 0},
                           stream());
    } else {
      scores = at::arange(n_tokens, options.dtype(at::kDouble)).expand({n_heads, n_tokens}).contiguous();
    }
    judge(scores, deaths_, until_);
  }

  static bool serves(const MethodSpec& method) {
    return method.name == "random" || method.name == "streaming_llm";
  }

  void make(const GpuLayerView& layer, const at::Tensor& deaths, const at::Tensor& until) override {
    const auto first = layer.layer.value * config_.n_kv_heads;
    deaths.copy_(deaths_.narrow(0, first, config_.n_kv_heads));
    until.copy_(until_.narrow(0, first, config_.n_kv_heads));
  }

 private:
  at::Tensor deaths_, until_;  // [n_layers * n_kv_heads, n_tokens]
};

// Scores that change with every event: the schedule is made on the CPU, head by head, and the device waits.
class HostSchedule : public GpuSchedule {
 public:
  HostSchedule(Scorer scorer, const MethodSpec& method, const Chunking& chunking, const ModelConfig& config,
               const Rope& rope)
      : scorer_(std::move(scorer)), method_(method), chunking_(chunking), config_(config), rope_(rope) {}

  void make(const GpuLayerView& layer, const at::Tensor& deaths, const at::Tensor& until) override {
    const auto n_heads = config_.n_heads, n_kv_heads = config_.n_kv_heads, group = n_heads / n_kv_heads;
    const auto raw = layer.qkv.unflatten(1, {-1, config_.head_dim}).transpose(0, 1).cpu();
    const auto rotated = layer.rotated.transpose(0, 1).cpu();
    const auto all_deaths = at::empty({n_kv_heads, chunking_.n_tokens}, at::kInt),
               all_until = at::empty_like(all_deaths);
    for (std::int64_t h = 0; h < n_kv_heads; ++h) {
      const WholeHead head{.raw_q = raw.narrow(0, h * group, group),
                           .q = rotated.narrow(0, h * group, group),
                           .k = rotated.select(0, n_heads + h),
                           .v = raw.select(0, n_heads + n_kv_heads + h)};
      const auto row = [&](const at::Tensor& all) {
        return std::span(all.mutable_data_ptr<std::int32_t>() + h * all.size(1),
                         static_cast<std::size_t>(all.size(1)));
      };
      const auto death = row(all_deaths);
      schedule_head(scorer_, method_, chunking_, rope_, head, {}, death);
      std::ranges::transform(death, row(all_until).begin(), [&](DeathTime time) {
        return static_cast<std::int32_t>(chunking_.sees_until(time));
      });
    }
    deaths.copy_(all_deaths);
    until.copy_(all_until);
  }

  void check() const override {}

 private:
  const Scorer scorer_;
  const MethodSpec method_;
  const Chunking chunking_;
  const ModelConfig& config_;
  const Rope& rope_;
};

}  // namespace

std::unique_ptr<GpuSchedule> make_gpu_schedule(const MethodSpec& method, const ScorerResources& resources,
                                               const Sample& sample, const Chunking& chunking,
                                               const ModelConfig& config, const Rope& rope,
                                               const at::TensorOptions& options) {
  auto scorer = make_scorer(method, resources);
  if (std::holds_alternative<NoScorer>(scorer)) return nullptr;
  if (auto* fixed = std::get_if<std::unique_ptr<FixedScorer>>(&scorer)) {
    if (AheadSchedule::serves(method))
      return std::make_unique<AheadSchedule>(sample.index, method, chunking, config, options);
    return std::make_unique<TokenSchedule>(std::move(*fixed), sample.index, method, chunking, config,
                                           options);
  }
  return std::make_unique<HostSchedule>(std::move(scorer), method, chunking, config, rope);
}

}  // namespace kvcompare
