#include "worker/gpu/gpu_drifting_schedule.h"

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "common/run/method_parameters.h"
#include "presses/schedule/drifting_plan.h"
#include "worker/gpu/drifting_buffers.h"
#include "worker/gpu/gpu_operators.h"
#include "worker/gpu/kernels/drifting_schedule_kernel.h"
#include "worker/model/with_type_of.h"

namespace kvcompare {
namespace {

class DriftingSchedule : public GpuSchedule {
 public:
  DriftingSchedule(const GaussianQueries& queries, const MethodSpec& method, const Chunking& chunking,
                   const GpuScheduleModel& model)
      : GpuSchedule(method, chunking, model),
        queries_(queries),
        plan_(drifting_plan(rule_, sinks_of(method), chunking)),
        shape_{.n_heads = heads_.n_heads,
               .n_kv_heads = heads_.n_kv_heads,
               .d_head = heads_.head_dim,
               .n_sink = sinks_of(method),
               .n_features = n_drifting_features(heads_.head_dim, queries.use_covariance)},
        events_(on_device(plan_.events)),
        n_(on_device(plan_.n)),
        first_eviction_(on_device(plan_.first_eviction)),
        products_(model.feature_products) {
    const std::vector<std::int64_t> n(plan_.n.begin(), plan_.n.end());
    for (const auto& rope : rotations_.ropes(chunking.n_tokens)) {
      const auto means = rope.means(n, queries.n_future_positions);
      means_.push_back({means.cos.to(options_.device()), means.sin.to(options_.device())});
    }
    allocate(drifting_buffers(shape_, plan_, chunking.n_tokens), options_, b_);
  }

  void make(const GpuLayerView& view, const at::Tensor& deaths, const at::Tensor& until) override {
    with_type_of(view.qkv, [&]<class T>(T) {
      const auto layer = layer_deaths(deaths, until);
      shape_.scalar = shape_of(view).scale.scalar;
      start<T>(view, layer);
      for (const auto& block : plan_.blocks) run_block<T>(view, layer, block);
    });
  }

 private:
  template <class T>
  void start(const GpuLayerView& view, const LayerDeaths& layer) {
    const auto* v = view.qkv.const_data_ptr<T>() + (shape_.n_heads + shape_.n_kv_heads) * shape_.d_head;
    drifting_schedule_kernel(StartDrifting<T>{.shape = shape_,
                                              .layer = layer,
                                              .candidates = candidates(),
                                              .v = v,
                                              .stride = view.qkv.stride(0),
                                              .use_vnorm = queries_.use_vnorm,
                                              .log_vnorm = b_.log_vnorm_of_tokens.mutable_data_ptr<float>()},
                             stream());
  }

  template <class T>
  void run_block(const GpuLayerView& view, const LayerDeaths& layer, const DriftingBlock& block) {
    drifting_schedule_kernel(QueryFeatures<T>{.shape = shape_,
                                              .events = events(view, block),
                                              .q = view.qkv.const_data_ptr<T>(),
                                              .stride = view.qkv.stride(0),
                                              .n_before = block.n_before,
                                              .n_after = block.n_after,
                                              .mean = b_.mean.const_data_ptr<double>(),
                                              .next_mean = b_.next_mean.mutable_data_ptr<double>(),
                                              .scatter = b_.scatter.mutable_data_ptr<double>(),
                                              .features = b_.query_features.mutable_data_ptr<float>()},
                             stream());
    std::swap(b_.mean, b_.next_mean);
    drifting_schedule_kernel(
        KeyFeatures<T>{.shape = shape_,
                       .candidates = candidates(),
                       .k = view.rotated.const_data_ptr<T>() + shape_.n_heads * shape_.d_head,
                       .stride = view.rotated.stride(0),
                       .log_vnorm = b_.log_vnorm_of_tokens.const_data_ptr<float>(),
                       .n_tokens = chunking_.n_tokens,
                       .n_before = block.n_before,
                       .n_new = block.n_new,
                       .first_reused = block.first_reused,
                       .n_reused = block.n_reused,
                       .n_used_before = block.n_used_before},
        stream());
    multiply_features(block);
    const auto* threshold = std::get_if<ScoreThreshold>(&method_.policy);
    drifting_schedule_kernel(
        EvictLowest{.shape = shape_,
                    .events = events(view, block),
                    .layer = layer,
                    .candidates = candidates(),
                    .z = b_.z.const_data_ptr<float>(),
                    .n_places = block.n_places,
                    .largest = b_.largest.mutable_data_ptr<float>(),
                    .sums = b_.sums.mutable_data_ptr<double>(),
                    .scores = b_.scores.mutable_data_ptr<float>(),
                    .status = status(),
                    .threshold = threshold ? threshold->threshold : EvictLowest::kNoThreshold,
                    .n_first = rule_.n_first,
                    .n_last = rule_.n_last},
        stream());
  }

  void multiply_features(const DriftingBlock& block) const {
    const auto n_rows = block.n_events * (shape_.n_heads / shape_.n_kv_heads);
    multiply_rows(front_of(b_.query_features, {shape_.n_kv_heads, n_rows, shape_.n_features}),
                  b_.key_features.narrow(1, 0, block.n_places), products_,
                  front_of(b_.z, {shape_.n_kv_heads, n_rows, block.n_places}));
  }

  Candidates candidates() const {
    return {.positions = b_.positions.mutable_data_ptr<std::int32_t>(),
            .log_vnorm = b_.log_vnorm.mutable_data_ptr<float>(),
            .features = b_.key_features.mutable_data_ptr<float>(),
            .evicted = b_.evicted.mutable_data_ptr<std::int32_t>(),
            .capacity = plan_.capacity(),
            .n_evictions = plan_.n_evictions()};
  }
  DriftingEvents events(const GpuLayerView& view, const DriftingBlock& block) const {
    const auto& means = means_[shape_of(view).rope];
    const auto first = block.first_event, first_angle = first * shape_.d_head / 2;
    return {.events = events_.const_data_ptr<std::int32_t>() + first,
            .n = n_.const_data_ptr<std::int32_t>() + first,
            .first_eviction = first_eviction_.const_data_ptr<std::int32_t>() + first,
            .cos = means.cos.const_data_ptr<double>() + first_angle,
            .sin = means.sin.const_data_ptr<double>() + first_angle,
            .n_events = block.n_events};
  }

  const GaussianQueries queries_;
  const DriftingPlan plan_;
  DriftingShape shape_;                           // with the scale of the layer at work
  const at::Tensor events_, n_, first_eviction_;  // of the plan
  const FloatProducts products_;
  std::vector<Rotation> means_;  // of each rope: [n_events, d_head / 2], float64
  DriftingBuffers b_;
};

}  // namespace

std::unique_ptr<GpuSchedule> make_drifting_schedule(const GaussianQueries& queries, const MethodSpec& method,
                                                    const Chunking& chunking, const GpuScheduleModel& model) {
  return std::make_unique<DriftingSchedule>(queries, method, chunking, model);
}

}  // namespace kvcompare
