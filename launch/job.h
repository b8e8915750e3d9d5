// What a comparison works on, read and checked before any unit is evaluated.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "common/run_options.h"
#include "common/run_spec.h"
#include "common/sample.h"
#include "presses/kvzap_surrogate.h"
#include "worker/model.h"
#include "worker/packed_weights.h"

namespace kvcompare {

// A model on one device, in the form that the engine computes with, and the scorer that kvzap needs there.
struct LoadedModel {
  std::unique_ptr<Model> model;  // for the stepwise engine, and the layerwise one by libtorch's operators
  std::unique_ptr<PackedWeights> packed;  // for the tiled engine
  std::optional<KvzapSurrogate> kvzap;    // if the run has the method
};

struct Job {
  RunSpec spec;                      // engine, dtype, device_type and kvzap_model_type filled in
  std::vector<c10::Device> devices;  // of the workers
  std::vector<std::unique_ptr<LoadedModel>> models;  // one a device
  std::vector<Sample> samples;
};

// Throws ConfigError, DataError or CheckpointError.
Job load_job(const RunSpec& spec, const RunOptions& options);

}  // namespace kvcompare
