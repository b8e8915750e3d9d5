// A model's sizes as the coordinator knows them, which knows no checkpoint.
#pragma once

#include <vector>

#include "common/run/method_spec.h"
#include "common/run/model_shape.h"
#include "coordinator/plan/cost_model.h"
#include "worker/checkpoint/model_config.h"

namespace kvcompare {

// What the instances of a run cost on the model.
CostModel cost_model(const ModelConfig& config, const std::vector<MethodSpec>& methods);

ModelShape model_shape(const ModelConfig& config);

}  // namespace kvcompare
