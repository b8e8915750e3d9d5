#pragma once

#include <functional>

#include "common/run/unit_result.h"

namespace kvcompare {

// The whole result of a unit that succeeded: counts by head and position, NLLs by token with save_token_nll.
using ReadUnit = std::function<UnitResult(UnitId)>;

}  // namespace kvcompare
