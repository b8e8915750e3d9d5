// Numerics as a JSON object, for the journal and the results. A field that is empty is left out.
#pragma once

#include "common/run/numerics.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

OrderedJson json_value(const Numerics& numerics);
void get_value(const OrderedJson& json, Numerics& numerics);  // throws nlohmann::json::exception

}  // namespace kvcompare
