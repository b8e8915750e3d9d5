#include "worker/engine/key_ledger.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/run/method_parameters.h"

namespace kvcompare {

KeyLedger::KeyLedger(const Chunking& chunking, const MethodSpec& method, std::int64_t n_layers,
                     std::int64_t n_kv_heads)
    : chunking_(chunking),
      first_compressible_(sinks_of(method)),
      end_compressible_(chunking.n_tokens),
      n_dying_(static_cast<std::size_t>(chunking.n_events()), 0),
      n_kept_at_(static_cast<std::size_t>(chunking.n_tokens), 0) {
  if (const auto* threshold = std::get_if<ScoreThreshold>(&method.policy))
    end_compressible_ -= threshold->sliding_window_size;
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
  counts_.kept += n_kept;
  kept_.per_head.push_back(n_kept);
}

KeyCounts KeyLedger::counts() const {
  const auto n_heads = kept_.n_layers * kept_.n_kv_heads;
  require(std::ssize(kept_.per_head) == n_heads, "the keys of every head are counted, once");
  auto counts = counts_;
  std::int64_t n_dead = 0;  // before the chunk, all heads
  for (std::int64_t e = 0; e < chunking_.n_events(); ++e) {
    const auto [begin, end] = chunking_.event(e);
    counts.peak = std::max(counts.peak, end * n_heads - n_dead);
    const auto n_queries = end - begin;
    const auto n_pairs = n_heads * (end * (end + 1) - begin * (begin + 1)) / 2;
    counts.attendable += n_pairs;
    counts.attended += n_pairs - n_queries * n_dead;
    counts.withheld_from_scored += n_dead * (std::min(end, chunking_.n_tokens - 1) - begin);
    n_dead += n_dying_[static_cast<std::size_t>(e)];
  }
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
  result.unit.sample = sample.index;
  result.numbers.n_tokens = std::ssize(sample.ids);
  result.numbers.keys = ledger.counts();
  result.kept = ledger.kept();
  put_tokens(result, sample, std::move(tokens));
  return result;
}

}  // namespace kvcompare
