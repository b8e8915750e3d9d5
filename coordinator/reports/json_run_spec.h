#pragma once

#include "common/run_spec.h"
#include "coordinator/reports/json_text.h"

namespace kvcompare {

// Every member of RunSpec under its name; what is absent there is absent here.
OrderedJson json_run_spec(const RunSpec& spec);

// The other way. Throws nlohmann::json::exception or std::invalid_argument.
RunSpec run_spec_of(const OrderedJson& config);

}  // namespace kvcompare
