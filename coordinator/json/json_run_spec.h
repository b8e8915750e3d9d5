// RunSpec as JSON. json_value(spec) writes every member under its name, as the journal holds it; get_value()
// reads it back.
#pragma once

#include <optional>

#include "common/run/run_spec.h"
#include "coordinator/json/json_fields.h"

namespace kvcompare {

// Members of RunSpec with a form of their own. A dtype that is not known yet is "auto".
OrderedJson json_value(const MethodSpec& method);
void get_value(const OrderedJson& json, MethodSpec& method);
void put_member(OrderedJson& object, const char* name, const std::optional<Dtype>& dtype);
void get_member(const OrderedJson& object, const char* name, std::optional<Dtype>& dtype);

// Returns the run as flags that --config accepts, for the results. The places of model, data and scorer are
// left out, because no number depends on them.
OrderedJson json_flags(const RunSpec& spec);

// Returns policy and parameters that the method uses: {"policy": "ratio", "compression_ratio": 0.5, "n_sink":
// 4}
OrderedJson json_parameters(const MethodSpec& method);

}  // namespace kvcompare
