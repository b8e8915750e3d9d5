#include "worker/gpu/gpu_observing_schedule.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>

#include "common/run/method_parameters.h"
#include "presses/schedule/observing_plan.h"
#include "worker/gpu/gpu_operators.h"
#include "worker/gpu/kernels/fixed_schedule_kernel.h"
#include "worker/gpu/kernels/observing_schedule_kernel.h"
#include "worker/gpu/observing_buffers.h"
#include "worker/model/with_type_of.h"

namespace kvcompare {
namespace {

class ObservingSchedule : public GpuSchedule {
 public:
  ObservingSchedule(const MethodSpec& method, const Chunking& chunking, const GpuScheduleModel& model)
      : GpuSchedule(method, chunking, model),
        group_(heads_.group()),
        n_block_rows_(std::min(most_observed_rows(group_), chunking.n_tokens)),
        plan_(observing_plan(method.policy, sinks_of(method), chunking, n_block_rows_)),
        capacity_(plan_.capacity()) {
    if (std::holds_alternative<RatioBudget>(method.policy)) first_slot_ = on_device(plan_.slots.first);
    allocate(observing_buffers(heads_, {.n_block_rows = n_block_rows_,
                                        .capacity = capacity_,
                                        .type = options_.dtype().toScalarType()}),
             options_, b_);
  }

  void make(const GpuLayerView& view, const at::Tensor& deaths, const at::Tensor& until) override {
    const auto layer = layer_deaths(deaths, until);
    fixed_schedule_kernel(KeepAllSchedule{layer}, stream());
    with_type_of(view.rotated, [&]<class T>(T) {
      for (const auto& block : plan_.blocks) {
        multiply<T>(view, block);
        observing_schedule_kernel(rows(block, layer, shape_of(view)), stream());
      }
    });
  }

 private:
  // logits = queries of the rows * keys of the columns
  template <class T>
  void multiply(const GpuLayerView& view, const ObservingBlock& block) const {
    const auto n_heads = heads_.n_heads, n_kv_heads = heads_.n_kv_heads, d_head = heads_.head_dim;
    const auto* q = view.rotated.const_data_ptr<T>();
    observing_schedule_kernel(ObservedOperands<T>{.block = observed(block),
                                                  .q = q,
                                                  .k = q + n_heads * d_head,
                                                  .stride = view.rotated.stride(0),
                                                  .d_head = d_head,
                                                  .rows = b_.rows.mutable_data_ptr<T>(),
                                                  .columns = b_.columns.mutable_data_ptr<T>()},
                              stream());
    const auto n_rows = group_ * block.n_rows;
    multiply_rows(front_of(b_.rows, {n_kv_heads, n_rows, d_head}),
                  front_of(b_.columns, {n_kv_heads, block.n_columns, d_head}), FloatProducts::kExact,
                  front_of(b_.logits, {n_kv_heads, n_rows, block.n_columns}));
  }

  ObservedRows rows(const ObservingBlock& block, const LayerDeaths& layer, const LayerShape& shape) const {
    ObservedRows task{.block = observed(block),
                      .layer = layer,
                      .logits = b_.logits.const_data_ptr<float>(),
                      .scale = 1 / static_cast<float>(shape.scale.divisor()),
                      .weights = b_.weights.mutable_data_ptr<float>(),
                      .sums = b_.sums.mutable_data_ptr<double>(),
                      .n_next = block.n_next,
                      .n_sink = sinks_of(method_),
                      .status = status()};
    if (shape.window) task.window = *shape.window;
    if (const auto* threshold = std::get_if<ScoreThreshold>(&method_.policy)) {
      task.threshold = threshold->threshold;
      task.sliding_window_size = threshold->sliding_window_size;
    } else {
      task.first_slot = first_slot_.const_data_ptr<std::int32_t>();
    }
    return task;
  }

  ObservedBlock observed(const ObservingBlock& block) const {
    return {.n_kv_heads = heads_.n_kv_heads,
            .group = group_,
            .first_row = block.first_row,
            .n_rows = block.n_rows,
            .n_old = block.n_old,
            .n_columns = block.n_columns,
            .positions = b_.positions.mutable_data_ptr<std::int32_t>(),
            .received = b_.received.mutable_data_ptr<double>(),
            .capacity = capacity_};
  }

  const std::int64_t group_, n_block_rows_;
  const ObservingPlan plan_;
  const std::int64_t capacity_;
  at::Tensor first_slot_;  // of a ratio budget
  ObservingBuffers b_;
};

}  // namespace

std::unique_ptr<GpuSchedule> make_observing_schedule(const MethodSpec& method, const Chunking& chunking,
                                                     const GpuScheduleModel& model) {
  const auto group = heads_of(model.decoder).group();
  if (group > kMostObservedHeads)
    throw std::invalid_argument(method.name + " on a GPU: " + std::to_string(group) +
                                " query heads a KV head; at most " + std::to_string(kMostObservedHeads) +
                                " are supported");
  return std::make_unique<ObservingSchedule>(method, chunking, model);
}

}  // namespace kvcompare
