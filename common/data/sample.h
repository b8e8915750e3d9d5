// A sample, which is one tokenised line of the data set; and a bad line, which is not a sample.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/scored_tokens.h"

namespace kvcompare {

// Of the text that the scored tokens stand for; see scored_text.h.
struct TextSize {
  std::int64_t n_bytes = 0;  // of UTF-8
  std::int64_t n_words = 0;  // between white space
  friend bool operator==(const TextSize&, const TextSize&) = default;
};

struct Sample {
  SampleIndex index;         // 0-based, blank lines not counted
  std::vector<TokenId> ids;  // at most max_length
  // ScoredTokens: whose prediction counts. Empty: every token but the first.
  std::vector<TokenRange> scored{};
  // Tokens of the context, after which the protocols prefill and generate begin. Absent: the data says
  // nothing.
  std::optional<std::int64_t> n_context{};
  // Tokens that the scored ones can be told from, as the data says. None; one list, which serves every scored
  // range; or one list for each scored range, in their order. A list is ascending and apart.
  std::vector<std::vector<TokenRange>> evidence{};
  // The data names tokens that count, and the sample has none of them. It is skipped.
  bool has_nothing_scored = false;
  // max_length cut off the end of the last scored range: its tokens count, but they are no whole answer.
  bool last_scored_is_cut = false;
  // False: `scored` says where windows of a text overlap, which is no answer that could be written exactly.
  bool scored_are_answers = true;
  std::optional<TextSize> scored_text{};  // absent: the data holds token ids without text
};

struct BadLine {
  std::int64_t line = 0;  // 1-based
  std::string problem;
  friend bool operator==(const BadLine&, const BadLine&) = default;
};

}  // namespace kvcompare
