// The values of a unit as JSON: what every attempt at it must have in common.
#pragma once

#include "common/run/unit_result.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// In the form of a version of the journal, 3 or 4. Version 4 packs lists (packed_numbers.h), but for those
// that come with save_token_nll.
OrderedJson json_of_values(const UnitResult& result, int version);

// Either form, list by list. Without unit and seconds. Throws nlohmann::json::exception or
// std::invalid_argument.
UnitResult result_of_values(const OrderedJson& json);

}  // namespace kvcompare
