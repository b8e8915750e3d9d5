#include "worker/gpu/gpu_fixed_schedule.h"

#include <utility>
#include <variant>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sort.h>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "presses/policy/eviction_slots.h"
#include "worker/gpu/kernels/fixed_schedule_kernel.h"

namespace kvcompare {
namespace {

// Death times from scores that are there.
class FixedPolicy : public GpuSchedule {
 public:
  FixedPolicy(const MethodSpec& method, const Chunking& chunking, const GpuScheduleModel& model)
      : GpuSchedule(method, chunking, model) {
    const auto* ratio = std::get_if<RatioBudget>(&method.policy);
    if (!ratio) return;
    const auto slots = eviction_slots(*ratio, sinks_of(method), chunking);
    slots_ = on_device(slots.events);
    first_slot_ = on_device(slots.first);
  }

 protected:
  // scores: [n_heads, n_tokens], float64, contiguous; deaths, until: likewise of n_heads
  void judge(const at::Tensor& scores, const at::Tensor& deaths, const at::Tensor& until) {
    if (const auto* threshold = std::get_if<ScoreThreshold>(&method_.policy)) {
      fixed_schedule_kernel(ThresholdSchedule{.layer = layer_deaths(deaths, until),
                                              .scores = scores.const_data_ptr<double>(),
                                              .threshold = threshold->threshold,
                                              .sliding_window_size = threshold->sliding_window_size,
                                              .n_sink = sinks_of(method_),
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
                       .n_sink = sinks_of(method_),
                       .workspace = nullptr,
                       .status = status()};
    const auto n_bytes = static_cast<std::int64_t>(ratio_workspace_bytes(task));
    const auto workspace = room({n_bytes}, at::kByte);
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
                const Chunking& chunking, const GpuScheduleModel& model)
      : FixedPolicy(method, chunking, model), scorer_(std::move(scorer)), sample_(sample) {}

  void make(const GpuLayerView& layer, const at::Tensor& deaths, const at::Tensor& until) override {
    judge(scorer_->score(what_is_needed(view_of(layer, sample_), scorer_->needs())).contiguous(), deaths,
          until);
  }

 private:
  const std::unique_ptr<FixedScorer> scorer_;
  const SampleIndex sample_;
};

// Scores that are known before there is a token: the death times of all layers are found at once, before the
// first, while the heads of one layer alone would leave most of the device idle.
class AheadSchedule : public FixedPolicy {
 public:
  // scores(n_heads of all layers): [n_heads, n_tokens], float64
  template <class Scores>
  AheadSchedule(const MethodSpec& method, const Chunking& chunking, const GpuScheduleModel& model,
                const Scores& scores)
      : FixedPolicy(method, chunking, model) {
    const auto n_heads = decoder_.n_layers() * heads_.n_kv_heads, n_tokens = chunking.n_tokens;
    deaths_ = room({n_heads, n_tokens}, at::kInt);
    until_ = room({n_heads, n_tokens}, at::kInt);
    judge(scores(n_heads), deaths_, until_);
  }

  void make(const GpuLayerView& layer, const at::Tensor& deaths, const at::Tensor& until) override {
    const auto first = layer.layer.value * heads_.n_kv_heads;
    deaths.copy_(deaths_.narrow(0, first, heads_.n_kv_heads));
    until.copy_(until_.narrow(0, first, heads_.n_kv_heads));
  }

 private:
  at::Tensor deaths_, until_;  // [n_layers * n_kv_heads, n_tokens]
};

}  // namespace

std::unique_ptr<GpuSchedule> make_token_schedule(std::unique_ptr<FixedScorer> scorer, SampleIndex sample,
                                                 const MethodSpec& method, const Chunking& chunking,
                                                 const GpuScheduleModel& model) {
  return std::make_unique<TokenSchedule>(std::move(scorer), sample, method, chunking, model);
}

std::unique_ptr<GpuSchedule> make_philox_schedule(const PhiloxScores& philox, SampleIndex sample,
                                                  const MethodSpec& method, const Chunking& chunking,
                                                  const GpuScheduleModel& model) {
  return std::make_unique<AheadSchedule>(method, chunking, model, [&](std::int64_t n_heads) {
    const auto scores = at::empty({n_heads, chunking.n_tokens}, model.options.dtype(at::kDouble));
    // Heads are counted through all layers, as if they were of one.
    random_scores_kernel({.scores = scores.mutable_data_ptr<double>(),
                          .n_kv_heads = n_heads,
                          .n_tokens = chunking.n_tokens,
                          .seed = philox.seed,
                          .sample = static_cast<std::uint64_t>(sample.value),
                          .layer = 0},
                         current_stream(model.options.device()));
    return scores;
  });
}

std::unique_ptr<GpuSchedule> make_position_schedule(const MethodSpec& method, const Chunking& chunking,
                                                    const GpuScheduleModel& model) {
  return std::make_unique<AheadSchedule>(method, chunking, model, [&](std::int64_t n_heads) {
    return at::arange(chunking.n_tokens, model.options.dtype(at::kDouble))
        .expand({n_heads, chunking.n_tokens})
        .contiguous();
  });
}

}  // namespace kvcompare
