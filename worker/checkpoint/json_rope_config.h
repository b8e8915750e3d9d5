// Rotary position embedding as config.json describes it.
#pragma once

#include "worker/checkpoint/json_object.h"
#include "worker/model/rope_config.h"

namespace kvcompare {

// Reads both layouts: rope_theta with rope_scaling, and rope_parameters (transformers 5). Where both are
// there they must agree. Without any of them: theta 10000, no scaling, as in all families.
RopeConfig read_rope_config(const JsonObject& config);

}  // namespace kvcompare
