// Which units a run consists of.
#pragma once

#include <vector>

#include "common/method_spec.h"
#include "common/run_spec.h"
#include "common/sample.h"
#include "coordinator/cost_model.h"
#include "coordinator/scheduler.h"
#include "coordinator/unit_table.h"

namespace kvcompare {

// Samples of less than two tokens: nothing to predict.
std::vector<SampleIndex> too_short(const std::vector<Sample>& samples);

enum class Quarantined { kLeave, kRetry };

// The units that are still to be evaluated, given what is known already.
std::vector<PlannedUnit> plan_units(const std::vector<Sample>& samples, const RunSpec& spec,
                                    const CostShape& shape, const UnitTable& known, Quarantined quarantined);

}  // namespace kvcompare
