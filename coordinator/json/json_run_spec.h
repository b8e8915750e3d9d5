#pragma once

#include "common/run/run_spec.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Every member of RunSpec under its name; what is absent there is absent here. The journal has it.
OrderedJson json_run_spec(const RunSpec& spec);

// The other way. Throws nlohmann::json::exception or std::invalid_argument.
RunSpec run_spec_of(const OrderedJson& config);

// The run as flags that --config takes, for the results: without the places of model, data and scorer, which
// are no part of what was computed.
OrderedJson json_flags(const RunSpec& spec);

// Policy and parameters that the method uses: {"policy": "ratio", "compression_ratio": 0.5, "n_sink": 4}
OrderedJson json_parameters(const MethodSpec& method);

}  // namespace kvcompare
