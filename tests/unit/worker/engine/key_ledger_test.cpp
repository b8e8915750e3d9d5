#include "worker/engine/key_ledger.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/property/random_model.h"
#include "tests/support/same_counts.h"

namespace kvcompare {
namespace {

using ::testing::ElementsAre;
using Deaths = std::vector<DeathTime>;

MethodSpec method_of(const EvictionPolicy& policy, std::int64_t n_sink) {
  MethodSpec method;
  method.policy = policy;
  method.parameters = {{"n_sink", n_sink}};
  return method;
}

// Events after every token. Key 1 dies after query 1, key 3 after the last.
//   query  sees       of
//     0    0           1
//     1    0 1         2
//     2    0 2         3
//     3    0 2 3       4
TEST(KeyLedger, CountsASampleOfChunksOfOneByHand) {
  KeyLedger ledger({.n_tokens = 4, .chunk_size = 1}, method_of(RatioBudget{}, 1), 1, 1);
  ledger.add_head(Deaths{kNever, 1, kNever, 3});
  const auto counts = ledger.counts();
  const auto kept = ledger.kept();
  EXPECT_EQ(kept.n_layers, 1);
  EXPECT_EQ(kept.n_kv_heads, 1);
  EXPECT_EQ(counts.original, 4);
  EXPECT_THAT(kept.per_head, ElementsAre(2));
  EXPECT_EQ(counts.kept, 2);
  EXPECT_EQ(counts.attendable, 10);
  EXPECT_EQ(counts.attended, 8);
  EXPECT_EQ(counts.withheld_from_scored, 1);  // of query 2; query 3 predicts nothing
  EXPECT_EQ(counts.compressible, 3);          // 1 2 3
  EXPECT_EQ(counts.compressible_kept, 1);     // 2
  EXPECT_EQ(counts.peak, 3);                  // 0 2 3
  const std::vector<TokenRange> third{{3, 4}}, second{{2, 3}};
  EXPECT_EQ(ledger.counts(third).withheld_from_scored, 1) << "query 2 predicts token 3";
  EXPECT_EQ(ledger.counts(second).withheld_from_scored, 0) << "query 1 sees all";
}

// A context of 3 tokens with one event at its end, at which key 1 dies; then two tokens.
//   query  sees       of
//     0    0           1
//     1    0 1         2
//     2    0 1 2       3
//     3    0 2 3       4
//     4    0 2 3 4     5
TEST(KeyLedger, CountsAPrefillByHand) {
  KeyLedger ledger(chunking_of(5, 3, 1, {ProtocolKind::kPrefill}), method_of(SizeBudget{2}, 1), 1, 1);
  ledger.add_head(Deaths{kNever, 0, kNever, kNever, kNever});
  const auto counts = ledger.counts();
  EXPECT_EQ(counts.kept, 4);
  EXPECT_EQ(counts.attendable, 15);
  EXPECT_EQ(counts.attended, 13);
  EXPECT_EQ(counts.withheld_from_scored, 1);  // of query 3; query 4 predicts nothing
  EXPECT_EQ(counts.peak, 4);                  // 0 2 3 4
}

// A context of 2 tokens, then chunks 2-3 and 4, with events at 4 and 5. Key 2 dies at the first of them, key
// 4 at the last.
TEST(KeyLedger, CountsAGenerationByHand) {
  KeyLedger ledger(chunking_of(5, 2, 2, {ProtocolKind::kGenerate}), method_of(SizeBudget{2}, 0), 1, 1);
  ledger.add_head(Deaths{kNever, kNever, 0, kNever, 1});
  const auto counts = ledger.counts();
  EXPECT_EQ(counts.kept, 3);
  EXPECT_EQ(counts.attended, 1 + 2 + 3 + 4 + 4);
  EXPECT_EQ(counts.withheld_from_scored, 0);
  EXPECT_EQ(counts.peak, 4);
}

// The window of a threshold is at least what is protected: of 6 keys 1 to 2 may be evicted.
TEST(KeyLedger, CountsAsCompressibleWhatIsOutsideTheLargerWindow) {
  auto method = method_of(ScoreThreshold{0, 1}, 1);
  method.protection.last = 3;
  KeyLedger ledger({.n_tokens = 6, .chunk_size = 1}, method, 1, 1);
  EXPECT_EQ((ledger.add_head(Deaths(6, kNever)), ledger.counts().compressible), 2);
}

// Chunks 0-2, 3-5, 6; events at 3, 6, 7; sink 0, window 5-6. Head 1 evicts nothing.
//   head 0, queries  do not see  dead
//        0 1 2                   1
//        3 4 5       1           2 4
//        6           1 2 4       6
TEST(KeyLedger, CountsASampleWithAShortLastChunkByHand) {
  const ScoreThreshold policy{.threshold = 0, .sliding_window_size = 2};
  KeyLedger ledger({.n_tokens = 7, .chunk_size = 3}, method_of(policy, 1), 1, 2);
  ledger.add_head(Deaths{kNever, 0, 1, kNever, 1, kNever, 2});
  ledger.add_head(Deaths(7, kNever));
  const auto counts = ledger.counts();
  const auto kept = ledger.kept();
  EXPECT_EQ(kept.n_layers, 1);
  EXPECT_EQ(kept.n_kv_heads, 2);
  EXPECT_EQ(counts.original, 14);
  EXPECT_THAT(kept.per_head, ElementsAre(3, 7));
  EXPECT_EQ(counts.kept, 10);
  EXPECT_EQ(counts.attendable, 2 * 28);
  EXPECT_EQ(counts.attended, 2 * 28 - 3 - 3);
  EXPECT_EQ(counts.withheld_from_scored, 3);   // the last query's 3 do not count
  EXPECT_EQ(counts.compressible, 2 * 4);       // 1 2 3 4
  EXPECT_EQ(counts.compressible_kept, 1 + 4);  // 3; all
  EXPECT_EQ(counts.peak, 11);                  // at 6: 5 and 6; at 7: 4 and 7
}

// All but one die at the second of three events: the most keys are there just before.
TEST(KeyLedger, HasItsPeakBeforeTheEventThatEvictsMost) {
  KeyLedger ledger({.n_tokens = 9, .chunk_size = 3}, method_of(RatioBudget{}, 0), 2, 1);
  for (int layer = 0; layer < 2; ++layer) ledger.add_head(Deaths{1, 1, 1, 1, 1, kNever, 2, 2, 2});
  EXPECT_EQ(ledger.counts().peak, 2 * 6);
  EXPECT_EQ(ledger.counts().kept, 2);
}

TEST(KeyLedger, MissesNothingThatDiesAfterTheLastToken) {
  for (const std::int64_t chunk_size : {5, 6, 100}) {
    KeyLedger ledger({.n_tokens = 5, .chunk_size = chunk_size}, method_of(RatioBudget{}, 0), 1, 1);
    ledger.add_head(Deaths{0, 0, 0, 0, kNever});
    const auto counts = ledger.counts();
    EXPECT_EQ(counts.attended, 15);
    EXPECT_EQ(counts.attendable, 15);
    EXPECT_EQ(counts.withheld_from_scored, 0);
    EXPECT_EQ(counts.peak, 5);
    EXPECT_EQ(counts.kept, 1);
  }
}

TEST(KeyLedger, HasNothingCompressibleIfSinksOrWindowHoldAll) {
  for (const auto& [window, n_sink] :
       {std::pair{0, 5}, std::pair{0, 8}, std::pair{5, 0}, std::pair{9, 0}, std::pair{2, 3}}) {
    const ScoreThreshold policy{.threshold = 0, .sliding_window_size = window};
    KeyLedger ledger({.n_tokens = 5, .chunk_size = 1}, method_of(policy, n_sink), 1, 1);
    ledger.add_head(Deaths(5, kNever));
    EXPECT_EQ(ledger.counts().compressible, 0) << window << ' ' << n_sink;
    EXPECT_EQ(ledger.counts().compressible_kept, 0) << window << ' ' << n_sink;
  }
}

TEST(KeyLedger, InsistsOnEveryHead) {
  KeyLedger ledger({.n_tokens = 2, .chunk_size = 1}, method_of(KeepAll{}, 0), 2, 2);
  for (int head = 0; head < 4; ++head) {
    EXPECT_THROW(ledger.counts(), InvariantError) << head;
    ledger.add_head(Deaths(2, kNever));
  }
  EXPECT_NO_THROW(ledger.counts());
  ledger.add_head(Deaths(2, kNever));
  EXPECT_THROW(ledger.counts(), InvariantError);
}

// Events after every second token; the evidence [1, 3) serves the ranges [2, 3) and [5, 6) as far as it lies
// before them. Query 1 comes before all events; query 4 after those at 2 and 4.
TEST(EvidenceLedger, CountsWhatTheQueryBeforeARangeSees) {
  const Chunking chunking{.n_tokens = 6, .chunk_size = 2};
  Sample sample;
  sample.ids.assign(6, 1);
  sample.scored = {{1, 2}, {2, 3}, {5, 6}};
  sample.evidence = {{{1, 3}}};
  EvidenceLedger ledger(sample, chunking);
  ledger.add_head(Deaths{kNever, 0, 1, kNever, kNever, kNever});
  EXPECT_THAT(ledger.counts().keys, ElementsAre(0, 1, 2)) << "nothing before the first range is evidence";
  EXPECT_THAT(ledger.counts().keys_kept, ElementsAre(0, 1, 0)) << "key 1 is evicted behind query 1";
  ledger.add_head(Deaths{kNever, 1, 2, kNever, kNever, kNever});
  EXPECT_THAT(ledger.counts().keys, ElementsAre(0, 2, 4));
  EXPECT_THAT(ledger.counts().keys_kept, ElementsAre(0, 2, 1)) << "key 2 is evicted behind query 5";
  ledger.add_head(Deaths(6, kNever));
  EXPECT_THAT(ledger.counts().keys_kept, ElementsAre(0, 3, 3));
}

TEST(EvidenceLedger, IsEmptyWithoutEvidence) {
  Sample sample;
  sample.ids.assign(6, 1);
  sample.scored = {{1, 2}};
  sample.evidence = {{{1, 3}}};
  EvidenceLedger ledger(sample, {.n_tokens = 6, .chunk_size = 2});
  ledger.add_head(Deaths(6, kNever));
  EXPECT_EQ(ledger.counts(), SpanEvidence{}) << "all of it lies behind the range";
}

// ---- against a recount, key by key

struct Case {
  Chunking chunking;
  EvictionPolicy policy;
  std::int64_t n_sink = 0;
  std::int64_t n_layers = 1;
  std::int64_t n_kv_heads = 1;
  std::vector<Deaths> heads;
  Sample sample;
};

// By what each query of a chunk sees: the chunk itself, and of those before it what no event has evicted.
SpanEvidence recount_evidence(const Case& c) {
  const auto& [scored, evidence] = std::tie(c.sample.scored, c.sample.evidence);
  SpanEvidence counts{.keys = std::vector<std::int64_t>(scored.size()),
                      .keys_kept = std::vector<std::int64_t>(scored.size())};
  for (std::size_t s = 0; s < scored.size(); ++s) {
    const auto chunk = (scored[s].begin - 1) / c.chunking.chunk_size;
    for (const auto& deaths : c.heads)
      for (std::int64_t j = 0; j < scored[s].begin; ++j)
        for (const auto& range : evidence.size() == 1 ? evidence[0] : evidence[s])
          if (range.begin <= j && j < range.end) {
            ++counts.keys[s];
            if (j / c.chunking.chunk_size == chunk || deaths[static_cast<std::size_t>(j)] >= chunk)
              ++counts.keys_kept[s];
          }
  }
  return std::accumulate(counts.keys.begin(), counts.keys.end(), std::int64_t{0}) > 0 ? counts
                                                                                      : SpanEvidence{};
}

UnitResult recount(const Case& c) {
  const auto t = c.chunking.n_tokens, chunk_size = c.chunking.chunk_size;
  const auto* threshold = std::get_if<ScoreThreshold>(&c.policy);
  const auto window = threshold != nullptr ? threshold->sliding_window_size : 0;
  UnitResult result;
  auto& counts = result.numbers.keys;
  auto& kept = result.kept;
  kept.n_layers = c.n_layers;
  kept.n_kv_heads = c.n_kv_heads;
  std::vector<std::int64_t> cached(static_cast<std::size_t>(t), 0);  // by event
  for (const Deaths& deaths : c.heads) {
    kept.per_head.push_back(std::count(deaths.begin(), deaths.end(), kNever));
    counts.kept += kept.per_head.back();
    for (std::int64_t j = 0; j < t; ++j) {
      const auto death = deaths[static_cast<std::size_t>(j)];
      ++counts.original;
      for (std::size_t bin = 0; bin < kept.by_position.size(); ++bin)
        if (const auto b = static_cast<std::int64_t>(bin);
            death == kNever && b * t <= 64 * j && 64 * j < (b + 1) * t)
          ++kept.by_position[bin];
      if (c.n_sink <= j && j < t - window) {
        ++counts.compressible;
        if (death == kNever) ++counts.compressible_kept;
      }
      for (std::int64_t i = j; i < t; ++i) {
        const auto chunk = i / chunk_size;
        ++counts.attendable;
        if (j / chunk_size == chunk || death > chunk - 1)
          ++counts.attended;
        else if (i < t - 1)
          ++counts.withheld_from_scored;
      }
      for (std::int64_t event = j / chunk_size; event * chunk_size < t && event <= death; ++event)
        ++cached[static_cast<std::size_t>(event)];
    }
  }
  counts.peak = *std::max_element(cached.begin(), cached.end());
  result.span_evidence = recount_evidence(c);
  return result;
}

Case random_case(std::mt19937_64& generator) {
  const auto up_to = [&](std::int64_t n) {
    return static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(n));
  };
  Case c;
  const auto n_tokens = 1 + up_to(30);
  c.chunking = {n_tokens, 1 + up_to(up_to(2) == 0 ? 5 : n_tokens + 2)};
  const auto policy = up_to(3);
  if (policy == 1) c.policy = RatioBudget{};
  if (policy == 2)
    c.policy = ScoreThreshold{.threshold = 0, .sliding_window_size = up_to(c.chunking.n_tokens + 3)};
  c.n_sink = up_to(2) * up_to(c.chunking.n_tokens + 3);
  c.n_layers = 1 + up_to(3);
  c.n_kv_heads = 1 + up_to(3);
  const auto n_events = (c.chunking.n_tokens + c.chunking.chunk_size - 1) / c.chunking.chunk_size;
  const auto survivors_in_ten = up_to(11);
  for (std::int64_t h = 0; h < c.n_layers * c.n_kv_heads; ++h) {
    Deaths deaths;
    for (std::int64_t j = 0; j < c.chunking.n_tokens; ++j) {
      const auto first = j / c.chunking.chunk_size;
      deaths.push_back(
          up_to(10) < survivors_in_ten ? kNever : static_cast<DeathTime>(first + up_to(n_events - first)));
    }
    c.heads.push_back(deaths);
  }
  c.sample.ids.assign(static_cast<std::size_t>(n_tokens), 1);
  put_random_evidence(generator, c.sample);
  return c;
}

TEST(KeyLedger, AgreesWithARecountOfRandomDeaths) {
  std::mt19937_64 generator(4);
  for (int round = 0; round < 2000; ++round) {
    const auto c = random_case(generator);
    KeyLedger ledger(c.chunking, method_of(c.policy, c.n_sink), c.n_layers, c.n_kv_heads,
                     EvidenceLedger(c.sample, c.chunking));
    for (const Deaths& deaths : c.heads) ledger.add_head(deaths);
    UnitResult counted;
    counted.numbers.keys = ledger.counts();
    counted.kept = ledger.kept();
    counted.span_evidence = ledger.span_evidence();
    SCOPED_TRACE("round " + std::to_string(round) + ": " + std::to_string(c.chunking.n_tokens) +
                 " tokens in chunks of " + std::to_string(c.chunking.chunk_size));
    expect_same_counts(counted, recount(c));
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace kvcompare
