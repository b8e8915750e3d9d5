// A model's sizes as the coordinator knows them, which knows no checkpoint.
#pragma once

#include "common/run/model_shape.h"
#include "coordinator/plan/cost_model.h"
#include "worker/checkpoint/model_config.h"

namespace kvcompare {

CostShape cost_shape(const ModelConfig& config);

ModelShape model_shape(const ModelConfig& config);

}  // namespace kvcompare
