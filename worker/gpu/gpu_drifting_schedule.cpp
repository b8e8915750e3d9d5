#include "worker/gpu/gpu_drifting_schedule.h"

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "common/run/method_parameters.h"
#include "presses/schedule/drifting_plan.h"
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
        plan_(drifting_plan(method.policy, sinks_of(method), chunking)),
        shape_{.n_heads = config_.n_heads,
               .n_kv_heads = config_.n_kv_heads,
               .d_head = config_.head_dim,
               .n_sink = sinks_of(method),
               .n_features = n_drifting_features(config_.head_dim, queries.use_covariance)},
        events_(on_device(plan_.events)),
        n_(on_device(plan_.n)),
        first_eviction_(on_device(plan_.first_eviction)),
        products_(model.feature_products) {
    const auto rotations = model.rope.means(std::vector<std::int64_t>(plan_.n.begin(), plan_.n.end()),
                                            queries.n_future_positions);
    cos_ = rotations.cos.to(options_.device());
    sin_ = rotations.sin.to(options_.device());
    const auto capacity = plan_.capacity(), n_heads = config_.n_heads, n_kv_heads = config_.n_kv_heads;
    const auto n_rows = n_heads * kMostEventsInBlock;
    positions_ = room({n_kv_heads, capacity}, at::kInt);
    log_vnorm_ = room({n_kv_heads, capacity}, at::kFloat);
    scores_ = room({n_kv_heads, capacity}, at::kFloat);
    key_features_ = room({n_kv_heads, capacity, shape_.n_features}, at::kFloat);
    evicted_ = room({n_kv_heads, plan_.n_evictions()}, at::kInt);
    log_vnorm_of_tokens_ = room({n_kv_heads, chunking.n_tokens}, at::kFloat);
    query_features_ = room({n_rows * shape_.n_features}, at::kFloat);
    z_ = room({n_rows * capacity}, at::kFloat);
    largest_ = room({n_rows}, at::kFloat);
    sums_ = room({n_rows}, at::kDouble);
    mean_ = room({n_heads, config_.head_dim}, at::kDouble);
    next_mean_ = room({n_heads, config_.head_dim}, at::kDouble);
    scatter_ = room({n_heads, shape_.n_features - config_.head_dim}, at::kDouble);
  }

  void make(const GpuLayerView& view, const at::Tensor& deaths, const at::Tensor& until) override {
    with_type_of(view.qkv, [&]<class T>(T) {
      const auto layer = layer_deaths(deaths, until);
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
                                              .log_vnorm = log_vnorm_of_tokens_.mutable_data_ptr<float>()},
                             stream());
  }

  template <class T>
  void run_block(const GpuLayerView& view, const LayerDeaths& layer, const DriftingBlock& block) {
    drifting_schedule_kernel(QueryFeatures<T>{.shape = shape_,
                                              .events = events(block),
                                              .q = view.qkv.const_data_ptr<T>(),
                                              .stride = view.qkv.stride(0),
                                              .n_before = block.n_before,
                                              .n_after = block.n_after,
                                              .mean = mean_.const_data_ptr<double>(),
                                              .next_mean = next_mean_.mutable_data_ptr<double>(),
                                              .scatter = scatter_.mutable_data_ptr<double>(),
                                              .features = query_features_.mutable_data_ptr<float>()},
                             stream());
    std::swap(mean_, next_mean_);
    drifting_schedule_kernel(
        KeyFeatures<T>{.shape = shape_,
                       .candidates = candidates(),
                       .k = view.rotated.const_data_ptr<T>() + shape_.n_heads * shape_.d_head,
                       .stride = view.rotated.stride(0),
                       .log_vnorm = log_vnorm_of_tokens_.const_data_ptr<float>(),
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
                    .events = events(block),
                    .layer = layer,
                    .candidates = candidates(),
                    .z = z_.const_data_ptr<float>(),
                    .n_places = block.n_places,
                    .largest = largest_.mutable_data_ptr<float>(),
                    .sums = sums_.mutable_data_ptr<double>(),
                    .scores = scores_.mutable_data_ptr<float>(),
                    .status = status(),
                    .threshold = threshold ? threshold->threshold : EvictLowest::kNoThreshold},
        stream());
  }

  void multiply_features(const DriftingBlock& block) const {
    const auto n_rows = block.n_events * (shape_.n_heads / shape_.n_kv_heads);
    multiply_rows(front_of(query_features_, {shape_.n_kv_heads, n_rows, shape_.n_features}),
                  key_features_.narrow(1, 0, block.n_places), products_,
                  front_of(z_, {shape_.n_kv_heads, n_rows, block.n_places}));
  }

  Candidates candidates() const {
    return {.positions = positions_.mutable_data_ptr<std::int32_t>(),
            .log_vnorm = log_vnorm_.mutable_data_ptr<float>(),
            .features = key_features_.mutable_data_ptr<float>(),
            .evicted = evicted_.mutable_data_ptr<std::int32_t>(),
            .capacity = plan_.capacity(),
            .n_evictions = plan_.n_evictions()};
  }
  DriftingEvents events(const DriftingBlock& block) const {
    const auto first = block.first_event, first_angle = first * shape_.d_head / 2;
    return {.events = events_.const_data_ptr<std::int32_t>() + first,
            .n = n_.const_data_ptr<std::int32_t>() + first,
            .first_eviction = first_eviction_.const_data_ptr<std::int32_t>() + first,
            .cos = cos_.const_data_ptr<double>() + first_angle,
            .sin = sin_.const_data_ptr<double>() + first_angle,
            .n_events = block.n_events};
  }

  const GaussianQueries queries_;
  const DriftingPlan plan_;
  const DriftingShape shape_;
  const at::Tensor events_, n_, first_eviction_;  // of the plan
  const FloatProducts products_;
  at::Tensor cos_, sin_;  // [n_events, d_head / 2], float64
  // What worker/gpu/kernels/drifting_schedule_kernel.h says of each:
  at::Tensor positions_, log_vnorm_, scores_, key_features_, evicted_, log_vnorm_of_tokens_;
  at::Tensor query_features_, z_, largest_, sums_;
  at::Tensor mean_, next_mean_, scatter_;
};

}  // namespace

std::unique_ptr<GpuSchedule> make_drifting_schedule(const GaussianQueries& queries, const MethodSpec& method,
                                                    const Chunking& chunking, const GpuScheduleModel& model) {
  return std::make_unique<DriftingSchedule>(queries, method, chunking, model);
}

}  // namespace kvcompare
