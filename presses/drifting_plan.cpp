#include "presses/drifting_plan.h"

#include <algorithm>
#include <cstddef>

#include "presses/eviction_slots.h"

namespace kvcompare {
namespace {

// As in schedule_drifting: more tokens would mean more keys that are not yet born at most of the events.
constexpr std::int64_t kTokensInBlock = 512;

// Events, and the blocks as far as events make them.
DriftingPlan blocks_of_events(const EvictionSlots& slots, const Chunking& chunking) {
  DriftingPlan plan;
  plan.first_eviction.push_back(0);
  for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
    const auto n_evictions = slots.first[static_cast<std::size_t>(e) + 1];
    if (n_evictions == plan.first_eviction.back()) continue;
    const auto is_full = [](const DriftingBlock& block) {
      return block.n_events == kMostEventsInBlock || block.n_after - block.n_before >= kTokensInBlock;
    };
    if (plan.blocks.empty() || is_full(plan.blocks.back()))
      plan.blocks.push_back({.first_event = static_cast<std::int64_t>(plan.events.size()),
                             .n_before = plan.blocks.empty() ? 0 : plan.blocks.back().n_after});
    plan.events.push_back(static_cast<std::int32_t>(e));
    plan.n.push_back(static_cast<std::int32_t>(chunking.n_at(e)));
    plan.first_eviction.push_back(n_evictions);
    plan.blocks.back().n_events += 1;
    plan.blocks.back().n_after = chunking.n_at(e);
  }
  return plan;
}

}  // namespace

DriftingPlan drifting_plan(const RatioBudget& policy, std::int64_t n_sink, const Chunking& chunking) {
  auto plan = blocks_of_events(eviction_slots(policy, n_sink, chunking), chunking);
  std::int64_t n_reused = 0, n_used = 0;
  for (auto& block : plan.blocks) {
    const std::int64_t n_free = plan.first_eviction[static_cast<std::size_t>(block.first_event)] - n_reused;
    block.n_new = block.n_after - std::max(block.n_before, n_sink);
    block.first_reused = n_reused;
    block.n_reused = std::min(block.n_new, n_free);
    block.n_used_before = n_used;
    n_reused += block.n_reused;
    n_used += block.n_new - block.n_reused;
    block.n_places = (n_used + kPlaceMultiple - 1) / kPlaceMultiple * kPlaceMultiple;
  }
  return plan;
}

}  // namespace kvcompare
