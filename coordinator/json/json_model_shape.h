// The sizes of a model as JSON, in the journal and in detailed_results.json.
#pragma once

#include "common/run/model_shape.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Every member of ModelShape under its name.
OrderedJson json_model_shape(const ModelShape& shape);

// The other way. Throws nlohmann::json::exception or std::invalid_argument.
ModelShape model_shape_of(const OrderedJson& json);

}  // namespace kvcompare
