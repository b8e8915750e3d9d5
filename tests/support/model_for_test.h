// A checkpoint in the form that engines need, read from its folder by the program's own code, on the CPU.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include <c10/core/Device.h>

#include "presses/registry.h"
#include "tests/support/standard_scorer.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/checkpoint/model_config.h"
#include "worker/checkpoint/weights.h"
#include "worker/cpu/packed_weights.h"
#include "worker/model/model.h"

namespace kvcompare {

struct ModelForTest {
  std::unique_ptr<Model> model;
  std::unique_ptr<PackedWeights> packed;
  TrainedScorers kvzap;

  std::span<const MethodDescription> more_methods = {};  // that engines take beside the registry's

  const ScoresByPlace* external = nullptr;
  LayerSink* sink = nullptr;

  ScorerResources resources() const {
    return {.trained = &kvzap, .more_methods = more_methods, .external = external, .sink = sink};
  }
};

// A decoder with the weights of the folder.
//   scorer : kvzap's; empty if no test asks for kvzap
inline ModelForTest load_for_test(const std::filesystem::path& folder, const Decoder& decoder,
                                  const std::filesystem::path& scorer, at::ScalarType dtype,
                                  std::optional<std::int64_t> max_weight_memory = std::nullopt,
                                  std::optional<ProductKind> products = std::nullopt) {
  ModelForTest loaded;
  loaded.model = std::make_unique<Model>(decoder, load_weights(folder, decoder, dtype, at::kCPU));
  loaded.packed = std::make_unique<PackedWeights>(
      decoder, CheckpointWeights(folder, decoder, dtype, at::kCPU), max_weight_memory, products);
  if (!scorer.empty())
    loaded.kvzap.emplace(standard_scorer(),
                         load_kvzap_surrogate(scorer, decoder, std::nullopt, dtype, at::kCPU));
  return loaded;
}

inline ModelForTest load_for_test(const std::filesystem::path& folder, const std::filesystem::path& scorer,
                                  at::ScalarType dtype,
                                  std::optional<std::int64_t> max_weight_memory = std::nullopt,
                                  std::optional<ProductKind> products = std::nullopt) {
  return load_for_test(folder, read_model_config(folder / "config.json").decoder, scorer, dtype,
                       max_weight_memory, products);
}

}  // namespace kvcompare
