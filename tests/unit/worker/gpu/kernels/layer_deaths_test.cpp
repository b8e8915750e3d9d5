// Device code that is host code too, against presses.
#include "worker/gpu/kernels/layer_deaths.cuh"

#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "presses/policy/death_times.h"
#include "presses/policy/eviction.h"
#include "tests/unit/presses/schedule/naive_schedule.h"

namespace kvcompare {
namespace {

static_assert(kStays == kNever);

// Of all three protocols, with contexts of every length.
std::vector<Chunking> chunkings(std::int64_t n_tokens, std::int64_t chunk_size) {
  std::vector<Chunking> all{{n_tokens, chunk_size}};
  for (std::int64_t n_context = 0; n_context <= n_tokens; ++n_context)
    for (const auto kind : {ProtocolKind::kPrefill, ProtocolKind::kGenerate})
      all.push_back(chunking_of(n_tokens, n_context, chunk_size, {kind}));
  return all;
}

LayerDeaths layer_of(const Chunking& chunking) {
  return {.n_kv_heads = 1,
          .n_tokens = chunking.n_tokens,
          .chunk_size = chunking.chunk_size,
          .events_from = chunking.events_from,
          .events_until = chunking.events_until};
}

TEST(Events, AreThoseOfTheHost) {
  for (const std::int64_t n_tokens : {1, 2, 7, 8, 9, 40})
    for (const auto chunk_size : naive::chunk_sizes(n_tokens))
      for (const auto& chunking : chunkings(n_tokens, chunk_size)) {
        const auto layer = layer_of(chunking);
        for (std::int64_t e = 0; e < chunking.n_events(); ++e) ASSERT_EQ(n_at(layer, e), chunking.n_at(e));
        for (std::int64_t j = 0; j < n_tokens; ++j) ASSERT_EQ(event_after(layer, j), chunking.n_events_by(j));
      }
}

TEST(JudgingEvent, IsTheOneWhoseRangeHoldsThePosition) {
  for (const std::int64_t n_tokens : {1, 2, 7, 8, 9, 40})
    for (const auto chunk_size : naive::chunk_sizes(n_tokens))
      for (const std::int64_t window : {std::int64_t{0}, std::int64_t{1}, std::int64_t{5}, n_tokens,
                                        n_tokens + 3, std::numeric_limits<std::int64_t>::max() / 2})
        for (const std::int64_t n_sink : {std::int64_t{0}, std::int64_t{3}, n_tokens + 1}) {
          for (const auto& chunking : chunkings(n_tokens, chunk_size)) {
            const auto layer = layer_of(chunking);
            for (std::int64_t j = 0; j < n_tokens; ++j) {
              auto expected = kStays;
              for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
                const auto [begin, end] = judged({ScoreThreshold{0, window}, n_sink}, chunking.event(e));
                if (begin <= j && j < end) expected = static_cast<std::int32_t>(e);
              }
              ASSERT_EQ(judging_event(layer, window, n_sink, j), expected)
                  << j << " of " << n_tokens << " in chunks of " << chunk_size << " from "
                  << chunking.events_from << " to " << chunking.events_until << ", window " << window;
            }
          }
        }
}

}  // namespace
}  // namespace kvcompare
