#include "presses/schedule/observing_plan.h"

#include <algorithm>

namespace kvcompare {

std::int64_t ObservingPlan::capacity() const {
  std::int64_t most = 0;
  for (const auto& block : blocks) most = std::max(most, block.n_columns);
  return most;
}

ObservingPlan observing_plan(const EvictionRule& rule, const Chunking& chunking, std::int64_t n_rows) {
  ObservingPlan plan;
  const bool is_known = has_budget(rule.policy);
  if (is_known) plan.slots = eviction_slots(rule, chunking);
  const auto n_alive = [&](std::int64_t n) { return is_known ? plan.slots.n_alive(chunking, n) : n; };
  const auto n_followed = chunking.n_events() > 0 ? chunking.events_until : 0;
  for (std::int64_t row = 0; row < n_followed; row += n_rows) {
    ObservingBlock block{.first_row = row, .n_rows = std::min(n_rows, n_followed - row)};
    block.n_old = n_alive(row);
    block.n_columns = (block.n_old + block.n_rows + kColumnMultiple - 1) / kColumnMultiple * kColumnMultiple;
    block.n_next = n_alive(row + block.n_rows);
    plan.blocks.push_back(block);
  }
  return plan;
}

}  // namespace kvcompare
