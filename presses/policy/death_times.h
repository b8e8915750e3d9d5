// When keys die. A schedule computes these death times, and attention and the counting of keys need to know
// nothing else of an eviction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "presses/policy/eviction.h"

namespace kvcompare {

// Index of the event that evicts a key, counted from 0.
using DeathTime = std::int32_t;
inline constexpr DeathTime kNever = std::numeric_limits<DeathTime>::max();

// How a sample is cut into chunks; event e follows chunk e. n_tokens, chunk_size >= 1.
struct Chunking {
  std::int64_t n_tokens = 0;
  std::int64_t chunk_size = 1;

  std::int64_t n_events() const { return (n_tokens - 1) / chunk_size + 1; }
  // How many tokens have passed at event e.
  std::int64_t n_at(std::int64_t e) const { return e + 1 < n_events() ? (e + 1) * chunk_size : n_tokens; }
  Event event(std::int64_t e) const { return {.n_previous = e * chunk_size, .n = n_at(e)}; }
  // The first query that does not see a key that dies at `death`; n_tokens if every query from the key on
  // sees it. So query i sees key j if and only if j <= i < sees_until(death[j]): docs/semantics.md, section
  // 1.
  std::int64_t sees_until(DeathTime death) const {
    return death < n_events() ? std::min((death + std::int64_t{1}) * chunk_size, n_tokens) : n_tokens;
  }
};

}  // namespace kvcompare
