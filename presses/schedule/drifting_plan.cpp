#include "presses/schedule/drifting_plan.h"

#include <algorithm>
#include <cstddef>
#include <variant>

#include "presses/policy/eviction.h"
#include "presses/policy/eviction_slots.h"

namespace kvcompare {
namespace {

// A block of more tokens would compute the scores of more keys that are not yet born at most of its events.
constexpr std::int64_t kTokensInBlock = 512;

// Keys evicted, or judged, up to and with each event.
std::vector<std::int32_t> evictions_until(const EvictionPolicy& policy, std::int64_t n_sink,
                                          const Chunking& chunking) {
  std::vector<std::int32_t> n_evictions;
  if (const auto* ratio = std::get_if<RatioBudget>(&policy)) {
    const auto slots = eviction_slots(*ratio, n_sink, chunking);
    n_evictions.assign(slots.first.begin() + 1, slots.first.end());
  } else if (const auto* threshold = std::get_if<ScoreThreshold>(&policy)) {
    for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
      const auto end = judged(*threshold, n_sink, chunking.event(e)).end;
      n_evictions.push_back(static_cast<std::int32_t>(std::max<std::int64_t>(0, end - n_sink)));
    }
  }
  return n_evictions;
}

// Events, and the blocks as far as events make them.
DriftingPlan blocks_of_events(const std::vector<std::int32_t>& evictions_until, const Chunking& chunking) {
  DriftingPlan plan;
  plan.first_eviction.push_back(0);
  for (std::int64_t e = 0; e < std::ssize(evictions_until); ++e) {
    const auto n_evictions = evictions_until[static_cast<std::size_t>(e)];
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

DriftingPlan drifting_plan(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking) {
  auto plan = blocks_of_events(evictions_until(policy, n_sink, chunking), chunking);
  const bool reuses = std::holds_alternative<RatioBudget>(policy);
  std::int64_t n_reused = 0, n_used = 0;
  for (auto& block : plan.blocks) {
    const auto n_evicted =
        reuses ? plan.first_eviction[static_cast<std::size_t>(block.first_event)] : std::int32_t{0};
    block.n_new = block.n_after - std::max(block.n_before, n_sink);
    block.first_reused = n_reused;
    block.n_reused = std::min(block.n_new, n_evicted - n_reused);
    block.n_used_before = n_used;
    n_reused += block.n_reused;
    n_used += block.n_new - block.n_reused;
    block.n_places = (n_used + kPlaceMultiple - 1) / kPlaceMultiple * kPlaceMultiple;
  }
  return plan;
}

}  // namespace kvcompare
