// The shape of a schedule's test as the program's own types.
#pragma once

#include "common/run/chunking.h"
#include "presses/policy/eviction.h"
#include "tests/unit/presses/schedule/naive_schedule.h"

namespace kvcompare::naive {

inline EvictionRule rule_of(const Shape& shape) {
  return {.policy = shape.policy,
          .n_first = shape.n_sink,
          .n_last = shape.n_last,
          .n_uncounted = shape.n_uncounted};
}

inline Chunking chunking_of(const Shape& shape) {
  return {.n_tokens = shape.n_tokens,
          .chunk_size = shape.chunk_size,
          .events_from = shape.events_from,
          .events_until = shape.events_until,
          .n_uncounted = shape.n_uncounted};
}

}  // namespace kvcompare::naive
