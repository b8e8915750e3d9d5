#include "presses/schedule/observing_plan.h"

#include <algorithm>
#include <variant>

namespace kvcompare {

std::int64_t ObservingPlan::capacity() const {
  std::int64_t most = 0;
  for (const auto& block : blocks) most = std::max(most, block.n_columns);
  return most;
}

ObservingPlan observing_plan(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                             std::int64_t n_rows) {
  ObservingPlan plan;
  const auto* ratio = std::get_if<RatioBudget>(&policy);
  if (ratio) plan.slots = eviction_slots(*ratio, n_sink, chunking);
  const auto n_alive = [&](std::int64_t n) { return ratio ? plan.slots.n_alive(chunking, n) : n; };
  for (std::int64_t row = 0; row < chunking.n_tokens; row += n_rows) {
    ObservingBlock block{.first_row = row, .n_rows = std::min(n_rows, chunking.n_tokens - row)};
    block.n_old = n_alive(row);
    block.n_columns = (block.n_old + block.n_rows + kColumnMultiple - 1) / kColumnMultiple * kColumnMultiple;
    block.n_next = n_alive(row + block.n_rows);
    plan.blocks.push_back(block);
  }
  return plan;
}

}  // namespace kvcompare
