#include "worker/gpu/gpu_schedule.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>
#include <variant>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include "common/errors.h"
#include "presses/scorer.h"
#include "worker/gpu/gpu_drifting_schedule.h"
#include "worker/gpu/gpu_fixed_schedule.h"
#include "worker/gpu/gpu_host_schedule.h"
#include "worker/gpu/gpu_observing_schedule.h"

namespace kvcompare {

GpuSchedule::GpuSchedule(const MethodSpec& method, const Chunking& chunking, const GpuScheduleModel& model)
    : method_(method),
      chunking_(chunking),
      rule_(rule_of(method, chunking)),
      decoder_(model.decoder),
      rotations_(model.rotations),
      heads_(heads_of(model.decoder)),
      options_(model.options),
      status_(at::zeros({1}, options_.dtype(at::kInt))) {}

void GpuSchedule::check() const {
  if (status_.item<int>() != 0) throw std::domain_error("a score is NaN");
}

LayerDeaths GpuSchedule::layer_deaths(const at::Tensor& deaths, const at::Tensor& until) const {
  return {.deaths = deaths.mutable_data_ptr<std::int32_t>(),
          .until = until.mutable_data_ptr<std::int32_t>(),
          .n_kv_heads = deaths.size(0),
          .n_tokens = chunking_.n_tokens,
          .chunk_size = chunking_.chunk_size,
          .events_from = chunking_.events_from,
          .events_until = chunking_.events_until};
}

LayerView GpuSchedule::view_of(const GpuLayerView& layer, SampleIndex sample) const {
  const auto n_heads = heads_.n_heads, n_kv_heads = heads_.n_kv_heads;
  const auto heads = layer.qkv.unflatten(1, {-1, heads_.head_dim}).transpose(0, 1);
  const auto rotated = layer.rotated.transpose(0, 1);
  auto rule = rotations_.rule(shape_of(layer), chunking_.n_tokens);
  rule.sinks = layer.sinks;
  return {.hidden = layer.hidden,
          .raw_q = heads.narrow(0, 0, n_heads),
          .raw_k = heads.narrow(0, n_heads, n_kv_heads),
          .q = rotated.narrow(0, 0, n_heads),
          .k = rotated.narrow(0, n_heads, n_kv_heads),
          .v = heads.narrow(0, n_heads + n_kv_heads, n_kv_heads),
          .n_kv_heads = n_kv_heads,
          .n_tokens = chunking_.n_tokens,
          .device = layer.qkv.device(),
          .layer = layer.layer,
          .place = n_evicting_before(decoder_, layer.layer.value),
          .sample = sample,
          .first_position = 0,
          .rule = std::move(rule)};
}

gpu::Stream GpuSchedule::stream() const { return current_stream(options_.device()); }

at::Tensor GpuSchedule::on_device(const std::vector<std::int32_t>& values) const {
  return at::from_blob(const_cast<std::int32_t*>(values.data()), {std::ssize(values)}, at::kInt)
      .to(options_.device(), false, true);
}

at::Tensor GpuSchedule::room(at::IntArrayRef sizes, at::ScalarType type) const {
  return at::empty(sizes, options_.dtype(type));
}

namespace {

// By the type of what a row asks for.
struct MakeSchedule {
  const MethodSpec& method;
  SampleIndex sample;
  const Chunking& chunking;
  const GpuScheduleModel& model;

  using Made = std::unique_ptr<GpuSchedule>;

  Made operator()(const RefusedOnDevice&) const {
    throw InvariantError("the GPU engine has no schedule for '" + method.name + "'");
  }
  Made operator()(const KeepAllOnDevice&) const { return nullptr; }
  Made operator()(const HostSchedule&) const {
    return make_host_schedule(make_press(method, model.resources), sample, method, chunking, model);
  }
  Made operator()(const TokenScores&) const {
    auto scorer = make_scorer(method, model.resources);
    auto* fixed = std::get_if<std::unique_ptr<FixedScorer>>(&scorer);
    require(fixed != nullptr, "the scorer of '" + method.name + "' is not fixed, as its row says");
    return make_token_schedule(std::move(*fixed), sample, method, chunking, model);
  }
  Made operator()(const PositionScores&) const { return make_position_schedule(method, chunking, model); }
  Made operator()(const PhiloxScores& scores) const {
    return make_philox_schedule(scores, sample, method, chunking, model);
  }
  Made operator()(const GaussianQueries& queries) const {
    if (!has_plain_softmax()) return (*this)(HostSchedule{});
    return make_drifting_schedule(queries, method, chunking, model);
  }
  Made operator()(const MeanAttentionReceived&) const {
    if (!has_plain_softmax()) return (*this)(HostSchedule{});
    return make_observing_schedule(method, chunking, model);
  }

  // The kernels of schedules know of no caps and sinks.
  bool has_plain_softmax() const {
    return std::ranges::none_of(model.decoder.layers,
                                [](const auto& layer) { return layer.cap || layer.has_sinks; });
  }
};

}  // namespace

std::unique_ptr<GpuSchedule> make_gpu_schedule(const MethodSpec& method, const Sample& sample,
                                               const Chunking& chunking, const GpuScheduleModel& model) {
  return std::visit(MakeSchedule{method, sample.index, chunking, model},
                    device_schedule(method, model.resources));
}

}  // namespace kvcompare
