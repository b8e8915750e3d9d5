// Numerics as JSON, in the journal and in the results.
#pragma once

#include "common/run/numerics.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Every field that is not empty under its name.
OrderedJson json_numerics(const Numerics& numerics);

// The other way. Throws nlohmann::json::exception.
Numerics numerics_of(const OrderedJson& json);

}  // namespace kvcompare
