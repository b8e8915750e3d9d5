#include "worker/gpu/gpu_host_schedule.h"

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

namespace kvcompare {
namespace {

class OnHost : public GpuSchedule {
 public:
  OnHost(std::unique_ptr<LayerPress> press, SampleIndex sample, const MethodSpec& method,
         const Chunking& chunking, const GpuScheduleModel& model)
      : GpuSchedule(method, chunking, model),
        press_(std::move(press)),
        sample_(sample),
        schedule_(press_->start_schedule({.chunking = chunking,
                                          .n_heads = heads_.n_heads,
                                          .n_kv_heads = heads_.n_kv_heads,
                                          .n_layers = n_evicting_layers(model.decoder)})),
        deaths_(at::empty({heads_.n_kv_heads, chunking.n_tokens}, at::kInt)),
        until_(at::empty_like(deaths_)) {}

  void make(const GpuLayerView& layer, const at::Tensor& deaths, const at::Tensor& until) override {
    auto* death = deaths_.mutable_data_ptr<std::int32_t>();
    decide_layer(*schedule_, press_->needs(), view_of(layer, sample_),
                 {death, heads_.n_kv_heads, chunking_.n_tokens});
    auto* end = until_.mutable_data_ptr<std::int32_t>();
    for (std::int64_t i = 0; i < deaths_.numel(); ++i)
      end[i] = static_cast<std::int32_t>(chunking_.sees_until(death[i]));
    deaths.copy_(deaths_);
    until.copy_(until_);
  }

 private:
  const std::unique_ptr<LayerPress> press_;
  const SampleIndex sample_;
  const std::unique_ptr<DeathSchedule> schedule_;
  const at::Tensor deaths_, until_;  // [n_kv_heads, n_tokens], on the host
};

}  // namespace

std::unique_ptr<GpuSchedule> make_host_schedule(std::unique_ptr<LayerPress> press, SampleIndex sample,
                                                const MethodSpec& method, const Chunking& chunking,
                                                const GpuScheduleModel& model) {
  return std::make_unique<OnHost>(std::move(press), sample, method, chunking, model);
}

}  // namespace kvcompare
