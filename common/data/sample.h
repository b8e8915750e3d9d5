// A sample, which is one tokenised line of the data set; and a bad line, which is not a sample.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

// Tokens [begin, end) of a sample.
struct TokenRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  friend bool operator==(const TokenRange&, const TokenRange&) = default;
};

struct Sample {
  SampleIndex index;         // 0-based, blank lines not counted
  std::vector<TokenId> ids;  // at most max_length
  // Of tokens whose prediction counts: ascending, apart, none of them token 0. Empty: every token but the first.
  std::vector<TokenRange> scored{};
  // Tokens of the context, after which the protocols prefill and generate begin. Absent: the data says nothing.
  std::optional<std::int64_t> n_context{};
};

// Tokens whose prediction counts, whether the data names them or not. Ascending, apart; empty if nothing is
// predicted.
inline std::vector<TokenRange> scored_ranges(const Sample& sample) {
  const auto n_tokens = static_cast<std::int64_t>(sample.ids.size());
  if (!sample.scored.empty()) return sample.scored;
  if (n_tokens < 2) return {};
  return {{1, n_tokens}};
}

struct BadLine {
  std::int64_t line = 0;  // 1-based
  std::string problem;
  friend bool operator==(const BadLine&, const BadLine&) = default;
};

}  // namespace kvcompare
