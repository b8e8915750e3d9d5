// Numerics as JSON, in the journal and in the results: every field that is not empty under its name.
#pragma once

#include "common/run/numerics.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

OrderedJson json_value(const Numerics& numerics);
void get_value(const OrderedJson& json, Numerics& numerics);  // throws nlohmann::json::exception

}  // namespace kvcompare
