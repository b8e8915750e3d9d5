// Device code that is host code too, against presses.
#include "worker/gpu/kernels/layer_deaths.cuh"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "presses/policy/death_times.h"
#include "tests/unit/presses/schedule/naive_schedule.h"

namespace kvcompare {
namespace {

static_assert(kStays == kNever);

TEST(JudgingEvent, IsTheOneWhoseRangeHoldsThePosition) {
  for (const std::int64_t n_tokens : {1, 2, 7, 8, 9, 40})
    for (const auto chunk_size : naive::chunk_sizes(n_tokens))
      for (const std::int64_t window : {std::int64_t{0}, std::int64_t{1}, std::int64_t{5}, n_tokens,
                                        n_tokens + 3, std::numeric_limits<std::int64_t>::max() / 2})
        for (const std::int64_t n_sink : {std::int64_t{0}, std::int64_t{3}, n_tokens + 1}) {
          const Chunking chunking{n_tokens, chunk_size};
          const LayerDeaths layer{.n_kv_heads = 1, .n_tokens = n_tokens, .chunk_size = chunk_size};
          for (std::int64_t j = 0; j < n_tokens; ++j) {
            auto expected = kStays;
            for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
              const auto [begin, end] = judged({0, window}, n_sink, chunking.event(e));
              if (begin <= j && j < end) expected = static_cast<std::int32_t>(e);
            }
            ASSERT_EQ(judging_event(layer, window, n_sink, j), expected)
                << j << " of " << n_tokens << " in chunks of " << chunk_size << ", window " << window;
          }
        }
}

}  // namespace
}  // namespace kvcompare
