#include "coordinator/plan/plan.h"

#include <optional>

namespace kvcompare {
namespace {

// Attempts that count against a unit; empty if nothing is to be done about it.
std::optional<int> n_failed_before(const UnitTable& known, UnitId unit, Quarantined quarantined) {
  const auto found = known.find(unit);
  if (found == known.end()) return 0;
  const auto& record = found->second;
  if (record.summary) return std::nullopt;
  if (record.n_failed < kMaxAttempts) return record.n_failed;
  return quarantined == Quarantined::kRetry ? std::optional(0) : std::nullopt;
}

bool has_nothing_to_predict(const Sample& sample) {
  return sample.ids.size() < 2 || sample.has_nothing_scored;
}

MethodCost cost_of(const CostModel& costs, std::size_t method) {
  return method < costs.methods.size() ? costs.methods[method] : MethodCost{};
}

}  // namespace

std::vector<SampleIndex> without_scored_token(const std::vector<Sample>& samples) {
  std::vector<SampleIndex> found;
  for (const auto& sample : samples)
    if (has_nothing_to_predict(sample)) found.push_back(sample.index);
  return found;
}

std::vector<PlannedUnit> plan_units(const std::vector<Sample>& samples, const RunSpec& spec,
                                    const CostModel& costs, const UnitTable& known, Quarantined quarantined,
                                    const std::map<UnitId, Deaths>& deaths) {
  std::vector<PlannedUnit> units;
  for (const auto& sample : samples) {
    const auto n_tokens = std::ssize(sample.ids);
    if (has_nothing_to_predict(sample)) continue;
    const auto chunking = chunking_of(n_tokens, sample.n_context, spec.chunk_size, protocol_of(spec));
    for (std::size_t m = 0; m < spec.methods.size(); ++m) {
      const UnitId unit{sample.index, MethodIndex(static_cast<std::int64_t>(m))};
      const auto died = deaths.find(unit);
      const auto of_unit = died == deaths.end() ? Deaths{} : died->second;
      if (is_deadly(of_unit) && quarantined == Quarantined::kLeave) continue;
      if (const auto n_failed = n_failed_before(known, unit, quarantined))
        units.push_back({.unit = unit,
                         .n_tokens = n_tokens,
                         .cost = predicted_cost(costs.shape, chunking,
                                                {spec.methods[m].policy, cost_of(costs, m)}, spec.engine),
                         .n_failed = *n_failed,
                         .runs_alone = runs_alone(of_unit)});
    }
  }
  return units;
}

void keep_shard(std::vector<PlannedUnit>& units, const std::optional<Shard>& shard) {
  std::erase_if(units, [&](const PlannedUnit& unit) { return !holds(shard, unit.unit.sample); });
}

}  // namespace kvcompare
