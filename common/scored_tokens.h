// The tokens of a sample whose prediction counts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/range.h"

namespace kvcompare {

using TokenRange = Range;

// Ascending and apart, none of them of token 0, which nothing predicts. Empty: every token but the first.
using ScoredTokens = std::span<const TokenRange>;

// Calls visit(range) for each range of scored tokens, in order.
template <class Visit>
void for_each_scored_range(ScoredTokens scored, std::int64_t n_tokens, const Visit& visit) {
  for (const TokenRange& range : scored) visit(range);
  if (scored.empty() && n_tokens > 1) visit(TokenRange{1, n_tokens});
}

// Calls visit(token) for each of them, in order.
template <class Visit>
void for_each_scored(ScoredTokens scored, std::int64_t n_tokens, const Visit& visit) {
  for_each_scored_range(scored, n_tokens, [&](const TokenRange& range) {
    for (std::int64_t token = range.begin; token < range.end; ++token) visit(token);
  });
}

// How many of the tokens of `part` are scored.
inline std::int64_t n_scored_of(const TokenRange& part, ScoredTokens scored, std::int64_t n_tokens) {
  std::int64_t n = 0;
  for_each_scored_range(scored, n_tokens, [&](const TokenRange& range) {
    n += std::max<std::int64_t>(0, std::min(part.end, range.end) - std::max(part.begin, range.begin));
  });
  return n;
}

}  // namespace kvcompare
