#include "worker/engine/key_ledger.h"

#include <algorithm>
#include <utility>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "worker/engine/scored_sums.h"

namespace kvcompare {

KeyLedger::KeyLedger(const Chunking& chunking, const MethodSpec& method, std::int64_t n_layers,
                     std::int64_t n_kv_heads, EvidenceLedger evidence)
    : chunking_(chunking),
      first_compressible_(sinks_of(method)),
      end_compressible_(chunking.n_tokens - window_of(method)),
      n_dying_(static_cast<std::size_t>(chunking.n_events()), 0),
      n_kept_at_(static_cast<std::size_t>(chunking.n_tokens), 0),
      evidence_(std::move(evidence)) {
  kept_.n_layers = n_layers;
  kept_.n_kv_heads = n_kv_heads;
  counts_.original = chunking.n_tokens * n_layers * n_kv_heads;
  counts_.compressible =
      std::max<std::int64_t>(0, end_compressible_ - first_compressible_) * n_layers * n_kv_heads;
}

void KeyLedger::add_head(std::span<const DeathTime> deaths) {
  std::int64_t n_kept = 0;
  for (std::int64_t j = 0; j < std::ssize(deaths); ++j) {
    const auto death = deaths[static_cast<std::size_t>(j)];
    if (death != kNever) {
      ++n_dying_[static_cast<std::size_t>(death)];
      continue;
    }
    ++n_kept;
    ++n_kept_at_[static_cast<std::size_t>(j)];
    if (j >= first_compressible_ && j < end_compressible_) ++counts_.compressible_kept;
  }
  evidence_.add_head(deaths);
  counts_.kept += n_kept;
  kept_.per_head.push_back(n_kept);
}

KeyCounts KeyLedger::counts(ScoredTokens scored) const {
  const auto n_heads = kept_.n_layers * kept_.n_kv_heads;
  require(std::ssize(kept_.per_head) == n_heads, "the keys of every head are counted, once");
  auto counts = counts_;
  std::int64_t n_dead = 0, begin = 0;                     // all heads; first query of the stretch
  const auto add_queries_until = [&](std::int64_t end) {  // none of which sees a key that is dead
    counts.peak = std::max(counts.peak, end * n_heads - n_dead);
    const auto n_pairs = n_heads * (end * (end + 1) - begin * (begin + 1)) / 2;
    counts.attendable += n_pairs;
    counts.attended += n_pairs - (end - begin) * n_dead;
    // A query predicts the token behind it.
    counts.withheld_from_scored += n_dead * n_scored_of({begin + 1, end + 1}, scored, chunking_.n_tokens);
    begin = end;
  };
  for (std::int64_t e = 0; e < chunking_.n_events(); ++e) {
    add_queries_until(chunking_.n_at(e));
    n_dead += n_dying_[static_cast<std::size_t>(e)];
  }
  if (begin < chunking_.n_tokens) add_queries_until(chunking_.n_tokens);
  return counts;
}

KeptKeys KeyLedger::kept() const {
  auto kept = kept_;
  for (std::int64_t j = 0; j < chunking_.n_tokens; ++j)
    kept.by_position[position_bin(j, chunking_.n_tokens)] += n_kept_at_[static_cast<std::size_t>(j)];
  return kept;
}

UnitResult result_of(const Sample& sample, TokenDistributions tokens, const KeyLedger& ledger) {
  UnitResult result;
  result.numbers.keys = ledger.counts(sample.scored);
  result.kept = ledger.kept();
  result.span_evidence = ledger.span_evidence();
  put_tokens(result, sample, std::move(tokens));
  return result;
}

}  // namespace kvcompare
