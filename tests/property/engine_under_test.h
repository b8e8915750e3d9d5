// Every engine in every number format that it computes in, the GPU engine included: on a GPU, or by emulated
// kernels on the CPU. For properties that hold for all of them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <c10/core/ScalarType.h>

#include "tests/support/engines.h"
#include "tests/support/gpu_model.h"
#include "tests/support/thorough.h"

namespace kvcompare {

struct EngineUnderTest {
  EngineKind kind;
  at::ScalarType type;

  std::string name() const {  // "gpu_bfloat16"
    return name_of(kind) + "_" +
           (type == at::kDouble     ? "float64"
            : type == at::kFloat    ? "float32"
            : type == at::kBFloat16 ? "bfloat16"
                                    : "float16");
  }
};
inline void PrintTo(const EngineUnderTest& engine, std::ostream* out) { *out << engine.name(); }

// Where kernels run on a GPU only its engine: the others are tested on the CPU. The gate has each engine
// compute in each kind of format once: float32, one of 16 bits, float64.
inline std::vector<EngineUnderTest> all_engines_under_test() {
  std::vector<EngineUnderTest> all;
  if (kernel_device().is_cpu() && !is_thorough())
    return {{EngineKind::kGpu, at::kFloat},      {EngineKind::kGpu, at::kBFloat16},
            {EngineKind::kStepwise, at::kFloat}, {EngineKind::kStepwise, at::kDouble},
            {EngineKind::kTiled, at::kFloat},    {EngineKind::kTiled, at::kHalf}};
  for (const auto type : {at::kFloat, at::kBFloat16, at::kHalf}) all.push_back({EngineKind::kGpu, type});
  if (!kernel_device().is_cpu()) return all;
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf})
    for (const auto kind : {EngineKind::kStepwise, EngineKind::kTiled}) all.push_back({kind, type});
  return all;
}

// The checkpoint of a folder, whose scorer is in its folder scorer, as one engine takes it.
class ModelUnderTest {
 public:
  ModelUnderTest(const std::filesystem::path& folder, const EngineUnderTest& engine)
      : kind_(engine.kind),
        n_kv_heads_(read_model_config(folder / "config.json").decoder.layer(0).heads.n_kv_heads),
        model_(load(folder, engine)) {}

  // That engines take beside the registry's. Outlives the model.
  void set_more_methods(std::span<const MethodDescription> methods) {
    if (auto* of_cpu = std::get_if<ModelForTest>(&model_))
      of_cpu->more_methods = methods;
    else
      std::get<std::unique_ptr<GpuModelForTest>>(model_)->set_more_methods(methods);
  }

  // Both outlive the model; null: none.
  void set_external(const ScoresByPlace* external, LayerSink* sink) {
    if (auto* of_cpu = std::get_if<ModelForTest>(&model_)) {
      of_cpu->external = external;
      of_cpu->sink = sink;
    } else {
      std::get<std::unique_ptr<GpuModelForTest>>(model_)->set_external(external, sink);
    }
  }

  // With an observer one unit is run at a time.
  std::unique_ptr<Engine> engine(std::int64_t chunk_size, AliveObserver observer = nullptr,
                                 const Protocol& protocol = {}) const {
    if (const auto* of_cpu = std::get_if<ModelForTest>(&model_))
      return make_engine(kind_, *of_cpu, chunk_size, std::move(observer), protocol);
    const auto& gpu = *std::get<std::unique_ptr<GpuModelForTest>>(model_);
    if (!observer) return gpu.engine({.chunk_size = chunk_size, .protocol = protocol});
    auto replaying =
        std::make_unique<ReplayingEngine>(n_kv_heads_, chunk_size, std::move(observer), protocol);
    replaying->set_engine(gpu.engine(
        {.chunk_size = chunk_size, .protocol = protocol, .observe_deaths = replaying->death_observer()}));
    return replaying;
  }

 private:
  using Loaded = std::variant<ModelForTest, std::unique_ptr<GpuModelForTest>>;
  static Loaded load(const std::filesystem::path& folder, const EngineUnderTest& engine) {
    if (engine.kind == EngineKind::kGpu) return std::make_unique<GpuModelForTest>(folder, engine.type);
    return load_for_test(folder, folder / "scorer", engine.type);
  }

  EngineKind kind_;
  std::int64_t n_kv_heads_;
  Loaded model_;
};

}  // namespace kvcompare
