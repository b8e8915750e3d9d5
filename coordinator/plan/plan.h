// Which units a run consists of.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "common/data/sample.h"
#include "common/run/method_spec.h"
#include "common/run/run_spec.h"
#include "common/run/shard.h"
#include "coordinator/journal/deaths_in_hand.h"
#include "coordinator/journal/unit_table.h"
#include "coordinator/plan/cost_model.h"
#include "coordinator/plan/scheduler.h"

namespace kvcompare {

// Samples of less than two tokens, and those of whose tokens the data names none as scored.
std::vector<SampleIndex> without_scored_token(const std::vector<Sample>& samples);

enum class Quarantined { kLeave, kRetry };

// The units that are still to be evaluated, given what is known already.
//   deaths : over which units the process died (Journal::deaths). Those that are deadly count as quarantined
std::vector<PlannedUnit> plan_units(const std::vector<Sample>& samples, const RunSpec& spec,
                                    const CostModel& costs, const UnitTable& known, Quarantined quarantined,
                                    const std::map<UnitId, Deaths>& deaths = {});

// Removes the units of samples that the shard does not hold.
void keep_shard(std::vector<PlannedUnit>& units, const std::optional<Shard>& shard);

}  // namespace kvcompare
