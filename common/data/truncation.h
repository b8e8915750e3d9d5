#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace kvcompare {

// How much max_length cut off.
struct Truncation {
  std::int64_t n_samples = 0;  // samples that were longer
  std::int64_t n_tokens = 0;   // tokens of these samples that are left out
  // Scored ranges that it cut, or left out as a whole; absent if there are none.
  std::optional<std::int64_t> n_scored_ranges{};

  static constexpr std::array kFields{"samples", "tokens", "scored_ranges"};
  friend bool operator==(const Truncation&, const Truncation&) = default;
};

inline void add(Truncation& sum, const Truncation& one) {
  sum.n_samples += one.n_samples;
  sum.n_tokens += one.n_tokens;
  if (one.n_scored_ranges) sum.n_scored_ranges = sum.n_scored_ranges.value_or(0) + *one.n_scored_ranges;
}

}  // namespace kvcompare
