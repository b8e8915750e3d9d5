// Divides the rows (queries) of a schedule under observed_attention into blocks. A GPU decides such a
// schedule. The columns of a block are the keys that may be alive when the block begins, followed by the
// block's own keys.
#pragma once

#include <cstdint>
#include <vector>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"
#include "presses/policy/eviction_slots.h"

namespace kvcompare {

struct ObservingBlock {
  std::int64_t first_row = 0;
  std::int64_t n_rows = 0;
  std::int64_t n_old = 0;      // columns of keys that are older than the block
  std::int64_t n_columns = 0;  // n_old + n_rows, rounded up to a multiple of kColumnMultiple
  std::int64_t n_next = 0;     // n_old of the next block
};

inline constexpr std::int64_t kColumnMultiple = 4;

struct ObservingPlan {
  std::vector<ObservingBlock> blocks;  // every row in one
  EvictionSlots slots;                 // of a ratio budget; empty under another policy

  std::int64_t capacity() const;  // columns of the widest block
};

// Under a ratio budget the host knows in advance how many keys are alive. Under a threshold a head may keep
// all keys, so the columns are planned for that case.
ObservingPlan observing_plan(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                             std::int64_t n_rows);

}  // namespace kvcompare
