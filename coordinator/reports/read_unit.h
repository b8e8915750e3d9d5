#pragma once

#include <functional>

#include "common/run/unit_result.h"

namespace kvcompare {

// Returns the whole result of a unit that succeeded: counts by head and position, and NLLs by token if
// save_token_nll is on.
using ReadUnit = std::function<UnitResult(UnitId)>;

}  // namespace kvcompare
